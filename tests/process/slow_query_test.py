"""The main job on a real cluster: every input form, every output, against the plain single-threaded fold."""
import glob
import gzip
import json
import os
import subprocess
import unittest

from weir_cluster import SLOWNESS, Cluster, dist, wait_for

EXAMPLES = os.path.join(dist(), "examples")
JOB = os.path.join(EXAMPLES, "slow_query_log.so")
FOLD = os.path.join(EXAMPLES, "slow_query_log_fold")
DATA = os.path.join(EXAMPLES, "data")
SAMPLE = os.path.join(DATA, "mariadb-10.11-slow.log")


def compare(sample, results):
    run = subprocess.run([FOLD, "--compare", sample, results], capture_output=True, text=True, check=False, timeout=60 * SLOWNESS)
    if run.returncode:
        raise AssertionError(run.stdout + run.stderr)


class SlowQueryTest(unittest.TestCase):
    def run_job(self, cluster, name, source, *arguments, parallelism="2"):
        target = os.path.join(cluster.directory, name)
        code, out, error = cluster.run("-p", parallelism, JOB, "--input", f"file:{source}", "--output", f"file:{target}", *arguments)
        self.assertEqual(code, 0, out + error)
        return target

    def test_result_equals_the_plain_fold_at_every_parallelism(self):
        with Cluster(task_managers=2, slots=2) as cluster:
            for parallelism in ("1", "2", "4"):
                compare(SAMPLE, self.run_job(cluster, f"out-{parallelism}", SAMPLE, parallelism=parallelism))

    def test_every_sample_of_the_repository(self):
        with Cluster(task_managers=1, slots=2) as cluster:
            for sample in sorted(glob.glob(os.path.join(DATA, "*.log")) + glob.glob(os.path.join(DATA, "*.txt")) + glob.glob(os.path.join(DATA, "*.jsonl"))):
                with self.subTest(sample=os.path.basename(sample)):
                    compare(sample, self.run_job(cluster, os.path.basename(sample), sample))

    def test_compressed_logs_are_read_as_the_plain_one(self):
        with Cluster(task_managers=1, slots=2) as cluster, open(SAMPLE, "rb") as file:
            sample = file.read()
            cut = sample.index(b"# Time: ", len(sample) // 2)
            source = os.path.join(cluster.directory, "sample.log.gz")
            with open(source, "wb") as packed:  # two members, as `cat a.gz b.gz` makes them
                packed.write(gzip.compress(sample[:cut]) + gzip.compress(sample[cut:]))
            compare(SAMPLE, self.run_job(cluster, "out", source))

    def test_a_compressed_log_that_is_cut_off_is_a_broken_record(self):
        with Cluster(task_managers=1, slots=2) as cluster, open(SAMPLE, "rb") as file:
            source = os.path.join(cluster.directory, "sample.log.gz")
            with open(source, "wb") as packed:
                packed.write(gzip.compress(file.read())[:-20_000])
            bad = os.path.join(cluster.directory, "bad")
            self.run_job(cluster, "out", source, "--bad-records", f"file:{bad}")
            content = b"".join(open(part, "rb").read() for part in glob.glob(os.path.join(bad, "**", "part-*"), recursive=True))
            self.assertEqual(content.count(b"ends in the middle of its compressed data"), 1)

    def test_broken_records_are_set_aside_and_stop_nothing(self):
        with Cluster(task_managers=1, slots=2) as cluster:
            source = os.path.join(cluster.directory, "mixed.log")
            with open(SAMPLE, "rb") as sample, open(source, "wb") as mixed:
                mixed.write(sample.read())
                mixed.write(b"\n# User@Host: x[x] @ localhost []\n# Query_time: not-a-number  Lock_time: 0 Rows_sent: 0  Rows_examined: 0\nSELECT 1;\n")
            bad = os.path.join(cluster.directory, "bad")
            target = self.run_job(cluster, "out", source, "--bad-records", f"file:{bad}")
            compare(source, target)
            parts = glob.glob(os.path.join(bad, "**", "part-*"), recursive=True)
            content = b"".join(open(part, "rb").read() for part in parts)
            self.assertIn(b"not-a-number", content)

    def test_console_output_is_in_the_task_managers_stdout(self):
        with Cluster(task_managers=1, slots=2) as cluster:
            code, out, error = cluster.run("-p", "2", JOB, "--input", f"file:{SAMPLE}", "--output", "console")
            self.assertEqual(code, 0, out + error)
            manager = cluster.get("/taskmanagers")["taskmanagers"][0]["id"]

            def rows():
                text = cluster.request("GET", f"/taskmanagers/{manager}/stdout")[2].decode()
                return len([line for line in text.splitlines() if '"fingerprint"' in line]) == 2909
            wait_for(rows, "2,909 lines in stdout")
            text = cluster.request("GET", f"/taskmanagers/{manager}/stdout")[2].decode()
            row = json.loads(text.splitlines()[-1].split("> ", 1)[-1])
            self.assertEqual(sorted(row), sorted(["fingerprint", "count", "total_time", "max_time", "rows_examined"]))

    def test_wrong_arguments_are_sentences(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            for arguments, words in (
                    (["--input", f"file:{SAMPLE}"], ["--output"]),
                    (["--output", "console"], ["--input"]),
                    (["--input", "ftp:x", "--output", "console"], ["ftp:x"]),
                    (["--input", "file:relative.log", "--output", "console"], ["relative.log", "absolute"]),
                    (["--input", f"file:{SAMPLE}", "--output", "console", "--nonsense", "1"], ["--nonsense"]),
                    (["--input", "kafka:t", "--output", "console"], ["--brokers"])):
                with self.subTest(arguments=arguments):
                    code, _, error = cluster.run(JOB, *arguments)
                    self.assertNotEqual(code, 0)
                    for word in words:
                        self.assertIn(word, error)

    def test_missing_input_file(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            code, _, error = cluster.run(JOB, "--input", "file:/nonexistent/slow.log", "--output", "console")
            self.assertNotEqual(code, 0)
            self.assertIn("/nonexistent/slow.log", error)


if __name__ == "__main__":
    unittest.main()
