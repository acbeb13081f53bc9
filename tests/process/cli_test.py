"""The command line as a person uses it."""
import os
import re
import select
import signal
import socket
import subprocess
import unittest

from weir_cluster import DEADLINE, Cluster, dist, job_libraries, wait_for

JOBS = os.path.join(job_libraries(), "test_jobs.so")


class CliTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(task_managers=1, slots=4, options={"weir.planner.timeout": "5 s"})
        cls.cluster.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def detached(self, entry, *arguments):
        code, out, error = self.cluster.run("-d", "-c", entry, JOBS, *arguments)
        self.assertEqual(code, 0, error)
        return re.search(r"Job has been submitted with JobID ([0-9a-f]{32})", out)[1]

    def test_attached_run_waits_for_the_end(self):
        target = os.path.join(self.cluster.directory, "cli-out")
        code, out, error = self.cluster.run("-c", "counted", "-p", "2", JOBS, "--count", "1000", "--keys", "3", "--output", target)
        self.assertEqual(code, 0, error)
        self.assertRegex(out, r"Job has been submitted with JobID [0-9a-f]{32}")
        self.assertRegex(out, r"Job with JobID [0-9a-f]{32} has finished\.")

    def test_attached_run_of_a_failing_job_says_why(self):
        code, _, error = self.cluster.run("-c", "throws", JOBS)
        self.assertNotEqual(code, 0)
        self.assertIn("bad value 7", error)

    def test_detached_run_list_cancel(self):
        job = self.detached("endless")
        code, out, _ = self.cluster.cli("list", "-m", self.cluster.rest)
        self.assertEqual(code, 0)
        self.assertIn(job, out)
        code, out, error = self.cluster.cli("cancel", "-m", self.cluster.rest, job)
        self.assertEqual(code, 0, error)
        self.assertIn(f"Cancelled job {job}.", out)
        self.cluster.wait_for_state(job, "CANCELED")
        code, out, error = self.cluster.cli("cancel", "-m", self.cluster.rest, job)  # once more changes nothing, and is no error in Flink
        self.assertEqual(code, 0, error)
        code, out, _ = self.cluster.cli("list", "-a", "-m", self.cluster.rest)
        self.assertIn("CANCELED", out)

    def test_attached_run_says_that_it_waits_for_slots(self):
        with subprocess.Popen([os.path.join(dist(), "bin", "weir"), "run", "-m", self.cluster.rest, "-c", "endless", "-p", "9", JOBS],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.cluster.environment) as process:
            job = re.search(r"[0-9a-f]{32}", process.stdout.readline())[0]
            self.assertRegex(process.stderr.readline(), r"waits for slots: it needs 9, and \d of 4 are free, on 1 TaskManager;")
            self.cluster.cancel(job)
            process.communicate(timeout=DEADLINE)

    def test_settings_of_a_submission_are_checked_aloud(self):
        code, _, error = self.cluster.run("-d", "-Drestart-strategyy=none", "-c", "prints", JOBS)
        self.assertNotEqual(code, 0)
        self.assertIn("did you mean restart-strategy", error)
        code, _, error = self.cluster.run("-d", "-Drestart-strategy.type=fixed-delay", "-c", "prints", JOBS)
        self.assertEqual(code, 0, error)
        self.assertIn("restart-strategy.type has no effect in this version", error)

    def test_cancel_of_an_unknown_job(self):
        code, _, error = self.cluster.cli("cancel", "-m", self.cluster.rest, "f" * 32)
        self.assertNotEqual(code, 0)
        self.assertIn("f" * 32, error)

    def test_nobody_listens(self):
        code, _, error = self.cluster.cli("list", "-m", "127.0.0.1:1")
        self.assertNotEqual(code, 0)
        self.assertIn("127.0.0.1:1", error)
        self.assertLessEqual(len(error.strip().splitlines()), 3)

    def test_missing_library(self):
        code, _, error = self.cluster.run("/nonexistent/job.so")
        self.assertNotEqual(code, 0)
        self.assertIn("/nonexistent/job.so", error)

    def test_relative_file_argument_is_refused_with_a_sentence(self):
        code, _, error = self.cluster.run("-c", "counted", JOBS, "--output", "file:out")
        self.assertNotEqual(code, 0)
        self.assertIn("file:out", error)
        self.assertIn("absolute", error)

    def test_unknown_verb_and_option(self):
        for arguments in (["launch"], ["run", "--frobnicate", JOBS], []):
            code, out, error = self.cluster.cli(*arguments)
            self.assertNotEqual(code, 0)
            self.assertTrue(out + error)

    def test_plan_prints_json_and_misbehaving_library_an_error(self):
        code, out, error = self.cluster.cli("plan", "-c", "endless", JOBS)
        self.assertEqual(code, 0, error)
        self.assertIn('"nodes"', out)
        code, _, error = self.cluster.cli("plan", "-c", "plan_throws", JOBS)
        self.assertNotEqual(code, 0)
        self.assertIn("no such table: orders", error)

    def test_info(self):
        code, out, error = self.cluster.cli("info", "-c", "endless", JOBS)
        self.assertEqual(code, 0, error)
        self.assertIn("Execution Plan", out)
        self.assertRegex(out, r"Exchange buffers of a slot: \d+ channels x 2 to 16 blocks \+ \d+ blocks, of 41 KiB: [0-9.]+ to [0-9.]+ MiB\.")

    def test_wrong_words_are_one_sentence_with_a_way_out(self):
        rest, out = self.cluster.rest, self.cluster.directory
        for arguments, words in (
                (("lisst",), "did you mean list?"), (("frob",), "weir --help"), (("savepoint", "x"), "no savepoints yet"), (("run",), "run needs a job library"),
                (("run", "-m"), "-m needs a value"), (("run", "-p", "0", JOBS), "1 to 32768"), (("run", "-p", "abc", JOBS), "1 to 32768"),
                (("run", "-p", "-3", JOBS), "1 to 32768"), (("run", "-p", "99999999999", JOBS), "1 to 32768"), (("run", "-m", rest, out), "is not a file"),
                (("run", "-m", rest, "/dev/null"), "is not a file"), (("run", "-m", rest, "-c", "endles", JOBS), "it holds: aborts"),
                (("run", "-m", rest, JOBS), "several jobs"), (("run", "-m", rest, "-Dfoo", JOBS), "-Dkey=value"), (("run", "-m", rest, __file__), "Only job libraries"),
                (("list", "-m", "localhost:99999"), "1 to 65535"), (("list", "-m", "https://x:1"), "https"), (("list", "-m", ":8081"), "no host"),
                (("list", "-m", "no-such-host.invalid:1"), "cannot resolve"), (("list", "-m", "127.0.0.1"), "-m HOST:PORT"),
                (("list", "-m", f"127.0.0.1:{self.cluster.job_manager.ports['rpc']}"), "Is the JobManager running there?"),
                (("cancel", "-m", rest), "cancel needs one job id"), (("cancel", "-m", rest, "zzz"), "not a job id"), (("list", "-m", rest, "x"), "takes no argument")):
            with self.subTest(arguments):
                code, _, error = self.cluster.cli(*arguments)
                self.assertEqual(code, 1)
                self.assertRegex(error, r"^weir: .+\n$")
                self.assertIn(words, error)
        self.assertEqual(self.cluster.get("/jars")["files"], [])

    def test_output_that_nobody_takes(self):
        weir = os.path.join(dist(), "bin", "weir")
        for redirection, code in ((">/dev/full", 1), (">&-", 1), ("| head -c 1 >/dev/null", 0)):
            run = subprocess.run(["bash", "-c", f"{weir} plan -c endless {JOBS} {redirection}"], capture_output=True, text=True, timeout=DEADLINE,
                                 env=self.cluster.environment, check=False)
            self.assertEqual(run.returncode, code, redirection)
            if code:
                self.assertIn("cannot write to standard output", run.stderr)

    def interrupted(self, *arguments, when):
        """Sends SIGINT to a `weir run` once `when` answers something true. -> (exit code, stdout, stderr)"""
        with subprocess.Popen([os.path.join(dist(), "bin", "weir"), "run", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=self.cluster.environment) as process:
            try:
                wait_for(when, "the moment to interrupt")
                process.send_signal(signal.SIGINT)
                out, error = process.communicate(timeout=DEADLINE)
                return process.returncode, out, error
            finally:
                process.kill()

    def test_ctrl_c_during_the_upload(self):
        with socket.socket() as silent:  # takes the connection, and reads nothing
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            large = os.path.join(self.cluster.directory, "large.so")
            with open(large, "wb") as file:
                file.truncate(64 << 20)
            begun = lambda: silent.accept() if select.select([silent], [], [], 0)[0] else None
            held = []
            code, out, error = self.interrupted("-m", f"127.0.0.1:{silent.getsockname()[1]}", large, when=lambda: held.append(begun()) or held[-1])
            held[-1][0].close()
        self.assertEqual((code, out, error), (130, "", "weir: interrupted during the upload: no job was started\n"))

    def test_ctrl_c_while_the_job_is_planned_takes_the_upload_away(self):
        code, out, error = self.interrupted("-m", self.cluster.rest, "-c", "plan_loops", JOBS, when=self.cluster.job_manager.children)
        self.assertEqual((code, out), (130, ""))
        self.assertIn("interrupted while the job was planned", error)
        self.assertEqual(self.cluster.get("/jars")["files"], [])

    def test_ctrl_c_leaves_the_job_running_and_says_how_to_cancel(self):
        process = subprocess.Popen([os.path.join(dist(), "bin", "weir"), "run", "-m", self.cluster.rest, "-c", "endless", JOBS],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.cluster.environment)
        try:
            line = ""
            while "JobID" not in line:
                line = process.stdout.readline()
            job = re.search(r"[0-9a-f]{32}", line)[0]
            self.cluster.wait_for_running_tasks(job)
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=DEADLINE)
            self.assertIn("cancel", error)
            self.assertEqual(self.cluster.state(job), "RUNNING")
            self.cluster.cancel(job)
            wait_for(lambda: self.cluster.state(job) == "CANCELED", "the job to be cancelled")
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()


if __name__ == "__main__":
    unittest.main()
