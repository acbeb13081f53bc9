"""Who belongs to the cluster: daemons with another secret, files that are no secrets, and strangers at every port."""
import ctypes
import os
import shutil
import socket
import stat
import struct
import subprocess
import unittest

from weir_cluster import DEADLINE, Cluster, job_libraries, wait_for

JOBS = os.path.join(job_libraries(), "test_jobs.so")


def text_of(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def secret_of(conf):
    return os.path.join(conf, "cluster.secret")


class Trust(unittest.TestCase):
    def start_task_manager(self, cluster, conf, *arguments):
        """One that is not expected to come far. -> (process, its log file)"""
        log = os.path.join(cluster.directory, "log", f"stranger-{os.path.basename(conf)}.log")
        process = subprocess.Popen(
            [os.path.join(cluster.home, "bin", "taskmanager"), "--configDir", conf, "--log-file", log,
             "-D", f"jobmanager.rpc.port={cluster.job_manager.ports['rpc']}", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=cluster.environment, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, log

    def other_folder(self, cluster, name):
        conf = os.path.join(cluster.directory, name)
        os.makedirs(conf)
        shutil.copy(os.path.join(cluster.conf, "config.yaml"), conf)
        return conf

    def refused_start(self, cluster, conf, *arguments):
        """-> the sentence with which it ended"""
        process, _ = self.start_task_manager(cluster, conf, *arguments)
        out, _ = process.communicate(timeout=DEADLINE)
        self.assertEqual(process.returncode, 1, out)
        self.assertEqual(len(out.strip().splitlines()), 1, out)
        return out

    def test_daemons_of_one_folder_need_nothing_and_leave_one_file_that_only_its_owner_reads(self):
        with Cluster(task_managers=2, slots=1) as cluster:
            facts = os.stat(secret_of(cluster.conf))
            self.assertEqual(stat.S_IMODE(facts.st_mode), 0o600)
            self.assertEqual(sorted(os.listdir(cluster.conf)), ["cluster.secret", "config.yaml"])

    def test_a_task_manager_with_another_secret_is_refused_and_both_sides_say_why(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            conf = self.other_folder(cluster, "elsewhere")
            _, log = self.start_task_manager(cluster, conf)
            wait_for(lambda: "another cluster secret" in cluster.job_manager.log_text(), "a line in the JobManager's log")
            wait_for(lambda: "another cluster secret" in text_of(log), "a line in the TaskManager's log")
            self.assertEqual(cluster.get("/overview")["taskmanagers"], 1)

    def test_the_copied_file_lets_a_second_machine_in(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            conf = self.other_folder(cluster, "copied")
            shutil.copy(secret_of(cluster.conf), conf)
            self.start_task_manager(cluster, conf)
            cluster.wait_for_slots(2, available=2)
            named = os.path.join(cluster.directory, "named.secret")
            shutil.copy(secret_of(cluster.conf), named)
            self.start_task_manager(cluster, self.other_folder(cluster, "named"), "-D", f"security.rpc.secret-file={named}")
            cluster.wait_for_slots(3, available=3)
            job = cluster.submit(JOBS, "endless", parallelism=3)  # artefacts and data connections, too
            cluster.wait_for_running_tasks(job)

    def test_what_is_no_secret_is_one_sentence(self):
        with Cluster(task_managers=0, slots=1) as cluster:
            conf = self.other_folder(cluster, "wrong")
            with open(secret_of(conf), "w", encoding="ascii") as file:
                file.write("0" * 64)
            os.chmod(secret_of(conf), 0o644)
            self.assertIn("is open to other users (mode 0644): chmod 600 it", self.refused_start(cluster, conf))
            os.chmod(secret_of(conf), 0o600)
            with open(secret_of(conf), "w", encoding="ascii") as file:
                file.write("short")
            self.assertIn("holds 5 bytes", self.refused_start(cluster, conf))
            missing = os.path.join(cluster.directory, "no.secret")
            self.assertIn("openssl rand -hex 32", self.refused_start(cluster, conf, "-D", f"security.rpc.secret-file={missing}"))
            self.assertFalse(os.path.exists(missing))

    def test_strangers_at_every_rpc_port_learn_nothing_and_change_nothing(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            job = cluster.submit(JOBS, "endless")
            cluster.wait_for_running_tasks(job)
            ports = [cluster.job_manager.ports["rpc"], cluster.job_manager.ports["blob"], cluster.task_managers[0].ports["rpc"]]
            # A handshake as a release without secrets would send it, and then calls: deploy, end_job, heartbeat, blob_read.
            hello = b"\x08\x02\x10\x01" + b"\x22\x10" + b"i" * 16 + b"\x2a\x0ajobmanager" + b"\x32\x20" + b"n" * 32
            for port in ports:
                for method in (40, 42, 2, 20):
                    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as stranger:
                        stranger.sendall(frame(1, hello))
                        kinds = [read_frame(stranger), read_frame(stranger)]
                        stranger.sendall(frame(2, b"", method, epoch=2**64 - 1))
                        kinds += [read_frame(stranger), read_frame(stranger)]
                    # A handshake, a proof, the refusal, and the end: no response.
                    self.assertEqual(kinds, [1, 6, 4, None], f"a stranger on port {port}")
            self.assertEqual(cluster.state(job), "RUNNING")
            cluster.cancel(job)  # the TaskManager still obeys its JobManager
            cluster.wait_for_state(job, "CANCELED")
            cluster.wait_for_slots(1, available=1)


def frame(kind, payload, method=0, epoch=0):
    """docs/formats/rpc_frame.md"""
    head = struct.pack("<4sIBBHIQQ", b"WRPC", len(payload), kind, 0, method, 1000, method, epoch)
    return head + struct.pack("<Q", xxh3(payload, xxh3(head, 0))) + payload


def xxh3(data, seed):
    function = ctypes.CDLL("libxxhash.so.0").XXH3_64bits_withSeed
    function.restype = ctypes.c_uint64
    function.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
    return function(data, len(data), seed)


def read_frame(connection):
    """-> its kind, or nothing at the end"""
    head = read_exactly(connection, 40)
    if head is None:
        return None
    read_exactly(connection, struct.unpack_from("<I", head, 4)[0])
    return head[8]


def read_exactly(connection, count):
    data = b""
    while len(data) < count:
        try:
            piece = connection.recv(count - len(data))
        except ConnectionResetError:
            return None
        if not piece:
            return None
        data += piece
    return data


if __name__ == "__main__":
    unittest.main()
