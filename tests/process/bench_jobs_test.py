"""What the benchmark of jobs on a cluster stands on: every job's answer is a plain fold's, and one that is not is noticed."""
import os
import stat
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))
import cluster_jobs  # noqa: E402
from peer_recipe import Peer, PeerFailed  # noqa: E402


class JobsTest(unittest.TestCase):
    def run_all(self, task_managers):
        with cluster_jobs.Ours(task_managers) as ours:
            for entry in sorted({job.entry for job in cluster_jobs.JOBS}):
                with self.subTest(entry=entry):
                    run, subtasks = ours.run(entry, 50_000, digests=entry != "latency")
                    self.assertEqual(len(subtasks), 2)
                    self.assertGreater(run.cpu_s, 0)

    def test_every_job_gives_what_a_plain_fold_gives_in_memory(self):
        self.run_all(task_managers=1)

    def test_every_job_gives_what_a_plain_fold_gives_over_tcp(self):
        self.run_all(task_managers=2)

    def test_a_wrong_answer_and_a_failed_run_are_failures(self):
        with cluster_jobs.Ours(task_managers=1) as ours:
            ours.run("pass", 2000)
            rows, total, seconds = cluster_jobs.folds["pass", 2000, False]
            cluster_jobs.folds["pass", 2000, False] = rows, total + 1, seconds
            try:
                with self.assertRaisesRegex(cluster_jobs.Wrong, "pass: a wrong answer: 2000 rows"):
                    ours.run("pass", 2000)
            finally:
                del cluster_jobs.folds["pass", 2000, False]
            with self.assertRaisesRegex(cluster_jobs.Wrong, "--keys"):
                ours.run("keyed_count_small", 2000, keys=0)


class PeerTest(unittest.TestCase):
    """A folder that is no peer's is refused with a sentence."""

    def peer(self, folder):
        with Peer(folder, task_managers=1, slots=2, memory="1g"):
            self.fail("it must not start")

    def script(self, folder, name, body):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="ascii") as script:
            script.write("#!/bin/sh\n" + body)
        os.chmod(path, stat.S_IRWXU)

    def test_no_folder_no_script_two_scripts(self):
        with self.assertRaisesRegex(PeerFailed, "/no/such/folder is no folder"):
            self.peer("/no/such/folder")
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaisesRegex(PeerFailed, "holds 0"):
                self.peer(folder)
            self.script(folder, "a.sh", "")
            self.script(folder, "b.sh", "")
            with self.assertRaisesRegex(PeerFailed, "holds 2"):
                self.peer(folder)

    def test_a_script_that_fails_is_quoted(self):
        with tempfile.TemporaryDirectory() as folder:
            self.script(folder, "other.sh", '[ "$1" = install ] || exit 0\necho "no network here" >&2\nexit 7\n')
            with self.assertRaisesRegex(PeerFailed, "other.sh install: exit code 7: no network here"):
                self.peer(folder)


if __name__ == "__main__":
    unittest.main()
