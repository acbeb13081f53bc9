"""The command line as a person uses it."""
import os
import re
import signal
import subprocess
import unittest

from weir_cluster import DEADLINE, Cluster, dist, job_libraries, wait_for

JOBS = os.path.join(job_libraries(), "test_jobs.so")


class CliTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(task_managers=1, slots=4)
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
            self.assertIn("waits for slots", process.stderr.readline())
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
