"""A distribution as a user has it: copied elsewhere, started by its scripts, used to write a job."""
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from weir_cluster import SLOWNESS, dist, wait_for


class DistTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="weir-dist-")
        self.addCleanup(shutil.rmtree, self.directory, True)
        self.home = os.path.join(self.directory, "some where", "else")
        shutil.copytree(dist(), self.home, symlinks=True)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("WEIR_", "FLINK_"))}
        self.environment["WEIR_PID_DIR"] = self.directory

    def call(self, *command, **more):
        return subprocess.run(command, capture_output=True, text=True, timeout=120 * SLOWNESS, env=self.environment, check=False, **more)

    def test_no_path_of_the_build_tree_in_it(self):
        build = os.path.dirname(os.path.realpath(dist()))
        for folder, _, names in os.walk(self.home):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    self.assertNotIn(build.encode(), file.read(), path)

    def test_scripts_start_and_stop_a_cluster_from_a_copy(self):
        bin_dir = os.path.join(self.home, "bin")
        self.addCleanup(self.call, os.path.join(bin_dir, "stop-cluster.sh"))
        free = [self.free_port() for _ in range(2)]
        options = [f"-Drest.port={free[0]}", f"-Drest.bind-port={free[0]}", f"-Djobmanager.rpc.port={free[1]}"]
        started = self.call(os.path.join(bin_dir, "start-cluster.sh"), *options)
        self.assertEqual(started.returncode, 0, started.stderr)
        self.assertIn("Starting cluster.", started.stdout)
        wait_for(lambda: "1" in self.call("curl", "-sf", f"http://127.0.0.1:{free[0]}/overview").stdout, "the cluster to answer")
        listed = self.call(os.path.join(bin_dir, "flink"), "list", "-m", f"127.0.0.1:{free[0]}")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        stopped = self.call(os.path.join(bin_dir, "stop-cluster.sh"))
        self.assertEqual(stopped.returncode, 0, stopped.stderr)
        self.assertRegex(stopped.stdout, r"Stopping taskmanager daemon \(pid: \d+\)")
        self.assertEqual(self.call(os.path.join(bin_dir, "stop-cluster.sh")).returncode, 0)

    def test_scripts_take_their_folders_from_the_configuration_and_tell_a_wrong_one_once(self):
        script = os.path.join(self.home, "bin", "jobmanager.sh")
        conf = os.path.join(self.directory, "conf")
        os.makedirs(conf)
        del self.environment["WEIR_PID_DIR"]
        self.environment["WEIR_CONF_DIR"] = conf
        with open(os.path.join(conf, "config.yaml"), "w", encoding="utf-8") as config:
            config.write(f"rest.port: 0\njobmanager.rpc.port: 0\nenv.pid.dir: {self.directory}/pids\nenv.log.dir: {self.directory}/logs\n")
        self.addCleanup(self.call, script, "stop-all")
        started = self.call(script, "start")
        self.assertEqual(started.returncode, 0, started.stderr)
        self.assertEqual(len([name for name in os.listdir(self.directory + "/pids") if name.endswith("jobmanager.pid")]), 1)
        self.assertEqual(len([name for name in os.listdir(self.directory + "/logs") if name.endswith(".log")]), 1)
        self.assertIn("Stopping jobmanager daemon", self.call(script, "stop").stdout)
        self.assertEqual(os.listdir(self.directory + "/pids"), [])
        with open(os.path.join(conf, "config.yaml"), "a", encoding="utf-8") as config:
            config.write("rest.prot: 1\n")
        wrong = self.call(script, "start")
        self.assertEqual(wrong.returncode, 1)
        self.assertEqual(wrong.stderr, f"jobmanager: {conf}/config.yaml:5: unknown key rest.prot; did you mean rest.port?\n")

    def daemon_of(self, pids, kind):
        """The process of the only running daemon of a kind, out of its file in the folder `pids`."""
        [name] = [name for name in os.listdir(pids) if name.endswith(f"{kind}.pid") and not name.startswith(".")]
        with open(os.path.join(pids, name), encoding="utf-8") as file:
            return int(file.read())

    def test_scripts_stop_the_rest_when_a_daemon_has_died(self):
        # What loses its parent becomes our child, so that a daemon that was killed is really gone.
        libc = ctypes.CDLL(None)
        set_child_subreaper = 36
        self.assertEqual(libc.prctl(set_child_subreaper, 1, 0, 0, 0), 0)
        self.addCleanup(libc.prctl, set_child_subreaper, 0, 0, 0, 0)
        bin_dir = os.path.join(self.home, "bin")
        ports = [self.free_port() for _ in range(2)]
        options = [f"-Drest.port={ports[0]}", f"-Drest.bind-port={ports[0]}", f"-Djobmanager.rpc.port={ports[1]}"]
        self.addCleanup(self.call, os.path.join(bin_dir, "stop-cluster.sh"))
        for victim, survivor in (("taskmanager", "jobmanager"), ("jobmanager", "taskmanager")):
            with self.subTest(victim=victim):
                self.assertEqual(self.call(os.path.join(bin_dir, "start-cluster.sh"), *options).returncode, 0)
                pid, other = self.daemon_of(self.directory, victim), self.daemon_of(self.directory, survivor)
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                stopped = self.call(os.path.join(bin_dir, "stop-cluster.sh"))
                self.assertEqual(stopped.returncode, 0, stopped.stderr)
                self.assertIn(f"No {victim} daemon (pid: {pid}) is running anymore", stopped.stdout)
                self.assertIn(f"Stopping {survivor} daemon (pid: {other})", stopped.stdout)
                self.assertFalse([name for name in os.listdir(self.directory) if name.endswith("manager.pid")])
                os.waitpid(other, 0)

    def test_scripts_stop_the_newest_daemon_that_lives(self):
        script = os.path.join(self.home, "bin", "jobmanager.sh")
        self.addCleanup(self.call, script, "stop-all")
        self.assertEqual(self.call(script, "start", "localhost", str(self.free_port()), "-Djobmanager.rpc.port=0").returncode, 0)
        living = self.daemon_of(self.directory, "jobmanager")
        gone = subprocess.Popen(["true"])
        gone.wait()
        [name] = [name for name in os.listdir(self.directory) if name.endswith("jobmanager.pid")]
        with open(os.path.join(self.directory, name), "a", encoding="utf-8") as file:
            file.write(f"{gone.pid}\n")
        stopped = self.call(script, "stop")
        self.assertEqual(stopped.returncode, 0, stopped.stderr)
        self.assertIn(f"No jobmanager daemon (pid: {gone.pid}) is running anymore", stopped.stdout)
        self.assertIn(f"Stopping jobmanager daemon (pid: {living})", stopped.stdout)

    def test_scripts_take_host_and_port_as_flinks_do(self):
        script = os.path.join(self.home, "bin", "jobmanager.sh")
        port = self.free_port()
        self.addCleanup(self.call, script, "stop-all")
        started = self.call(script, "start", "localhost", str(port), "-Djobmanager.rpc.port=0")
        self.assertEqual(started.returncode, 0, started.stderr)
        self.assertEqual(self.call("curl", "-sf", f"http://127.0.0.1:{port}/overview").returncode, 0)

    def test_scripts_explain_themselves_and_do_nothing_else(self):
        for words in (["start-cluster.sh", "--help"], ["stop-cluster.sh", "-h"], ["jobmanager.sh", "--help"], ["taskmanager.sh", "-h"],
                      ["jobmanager.sh", "start", "--help"], ["taskmanager.sh", "start", "-h"]):
            with self.subTest(words=words):
                told = self.call(os.path.join(self.home, "bin", words[0]), *words[1:])
                self.assertEqual(told.returncode, 0, told.stderr)
                self.assertRegex(told.stdout, "Usage:")
        self.assertEqual(self.call(os.path.join(self.home, "bin", "stop-cluster.sh"), "now").returncode, 1)
        self.assertEqual([name for name in os.listdir(self.directory) if name.endswith(".pid")], [])

    def free_port(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def test_new_job_builds_tests_itself_and_runs(self):
        weir = os.path.join(self.home, "bin", "weir")
        made = self.call(weir, "new", "my-job", cwd=self.directory)
        self.assertEqual(made.returncode, 0, made.stderr)
        project = os.path.join(self.directory, "my-job")
        self.environment["PKG_CONFIG_PATH"] = os.path.join(self.home, "lib", "pkgconfig")
        for command in (["meson", "setup", "build"], ["meson", "compile", "-C", "build"], ["meson", "test", "-C", "build"]):
            run = self.call(*command, cwd=project)
            self.assertEqual(run.returncode, 0, run.stdout[-2000:] + run.stderr[-2000:])
        planned = self.call(weir, "plan", os.path.join(project, "build", "my-job.so"), "--input", "file:" + os.path.join(project, "README.md"))
        self.assertEqual(planned.returncode, 0, planned.stderr)
        again = self.call(weir, "new", "my-job", cwd=self.directory)
        self.assertNotEqual(again.returncode, 0)
        self.assertIn("my-job", again.stderr)

    def test_public_headers_need_no_boost_of_the_machine(self):
        include = os.path.join(self.home, "include")
        headers = "".join(f"#include <weir/{name}>\n" for name in ("environment.h", "job.h", "connectors/files.h", "connectors/kafka.h"))
        read = subprocess.run(["g++", "-std=c++20", "-M", "-x", "c++", "-I" + include, "-I" + os.path.join(include, "weir", "third_party"), "-"],
                              input=headers, capture_output=True, text=True, check=True).stdout
        self.assertIn("third_party/boost/pfr/", read)
        self.assertNotIn("/usr/include/boost", read)
        self.assertNotIn("/usr/local/include/boost", read)
        self.assertTrue(os.path.exists(os.path.join(include, "weir", "third_party", "boost_pfr_license.txt")))

    def test_new_job_builds_with_cmake(self):
        if not shutil.which("cmake"):
            self.skipTest("no cmake on this machine")
        weir = os.path.join(self.home, "bin", "weir")
        self.assertEqual(self.call(weir, "new", "other_job", cwd=self.directory).returncode, 0)
        project = os.path.join(self.directory, "other_job")
        self.environment["PKG_CONFIG_PATH"] = os.path.join(self.home, "lib", "pkgconfig")
        for command in (["cmake", "-S", ".", "-B", "out"], ["cmake", "--build", "out"], ["ctest", "--test-dir", "out"]):
            run = self.call(*command, cwd=project)
            self.assertEqual(run.returncode, 0, run.stdout[-2000:] + run.stderr[-2000:])
        self.assertTrue(re.search(r"other_job", " ".join(os.listdir(os.path.join(project, "out")))))
        with open(os.path.join(project, "out", "compile_commands.json"), encoding="utf-8") as file:
            commands = [entry["command"] for entry in json.load(file)]
        for command in commands:
            self.assertRegex(command, r" -O3 .*-g |-g .*-O3 ")


if __name__ == "__main__":
    unittest.main()
