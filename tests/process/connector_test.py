"""Sources and sinks of files and sockets in jobs on a real cluster."""
import glob
import gzip
import json
import os
import socket
import time
import unittest

from weir_cluster import Cluster, job_libraries, wait_for

JOBS = os.path.join(job_libraries(), "connector_jobs.so")


def lines_of(directory):
    found = []
    for path in sorted(glob.glob(os.path.join(directory, "part-*"))):
        with open(path, encoding="utf-8") as part:
            found += part.read().splitlines()
    return sorted(found)


def put(directory, name, content):
    """A file that appears whole."""
    hidden = os.path.join(directory, "." + name)
    with open(hidden, "wb") as file:
        file.write(content)
    os.rename(hidden, os.path.join(directory, name))


class FilesTest(unittest.TestCase):
    def folders(self, cluster):
        source, target = os.path.join(cluster.directory, "in"), os.path.join(cluster.directory, "out")
        os.mkdir(source)
        return source, target

    def test_files_that_come_while_the_job_runs_are_read_once_and_show_up_in_time(self):
        with Cluster(task_managers=2, slots=1) as cluster:
            source, target = self.folders(cluster)
            job = cluster.submit(JOBS, "watch_files", ["--input", source, "--output", target], parallelism=2)
            cluster.wait_for_running_tasks(job)
            expected = []
            for i in range(20):
                lines = [f"file {i} line {k}" for k in range(500)]
                content = "\n".join(lines).encode()
                put(source, f"f{i}.gz" if i % 3 == 0 else f"f{i}", gzip.compress(content) if i % 3 == 0 else content)
                expected += lines
            # The job goes on and nothing more comes: only the rolling policy's timers make the last lines visible.
            wait_for(lambda: len(lines_of(target)) >= len(expected), "all lines in parts")
            self.assertEqual(lines_of(target), sorted(expected))
            put(source, "late", b"late\n")
            wait_for(lambda: "late" in lines_of(target), "a line that came late")
            self.assertEqual(cluster.state(job), "RUNNING")
            cluster.cancel(job)
            cluster.wait_for_state(job, "CANCELED")
            self.assertEqual(len(lines_of(target)), len(expected) + 1)

    def test_a_damaged_file_is_a_bad_record_and_the_job_goes_on(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            source, target = self.folders(cluster)
            put(source, "a.gz", gzip.compress(b"one\n" * 1000)[:-9])
            job = cluster.submit(JOBS, "watch_files", ["--input", source, "--output", target], parallelism=1)
            bad = os.path.join(target, "bad")
            wait_for(lambda: lines_of(bad), "the bad record")
            letter = json.loads(lines_of(bad)[0])
            self.assertIn("ends in the middle of its compressed data", letter["reason"])
            self.assertTrue(letter["place"].startswith(os.path.join(source, "a.gz") + ":"), letter)
            put(source, "b", b"after\n")
            wait_for(lambda: "after" in lines_of(target), "a line of the next file")
            cluster.cancel(job)
            cluster.wait_for_state(job, "CANCELED")

    def test_a_directory_that_goes_while_it_is_watched_fails_the_job_with_its_name(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            source, target = self.folders(cluster)
            job = cluster.submit(JOBS, "watch_files", ["--input", source, "--output", target], parallelism=1)
            cluster.wait_for_running_tasks(job)
            os.rmdir(source)
            cluster.wait_for_state(job, "FAILED")
            self.assertIn(f"there is no file {source}", cluster.root_exception(job))

    def test_a_damaged_file_fails_a_job_that_does_not_set_bad_records_aside(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            source, target = self.folders(cluster)
            put(source, "a.gz", b"no gzip\n")
            job = cluster.submit(JOBS, "copy_files", ["--input", source, "--output", target], parallelism=1)
            cluster.wait_for_state(job, "FAILED")
            self.assertIn("the file is no gzip file, in spite of its name", cluster.root_exception(job))
            self.assertEqual(os.listdir(target), [])

    def test_a_rate_is_held_on_a_real_clock(self):
        with Cluster(task_managers=1, slots=2) as cluster:
            source, target = self.folders(cluster)
            for i in range(8):
                put(source, f"f{i}", b"x\n" * 200)
            began = time.monotonic()
            job = cluster.submit(JOBS, "copy_files", ["--input", source, "--output", target, "--rate", "1000"], parallelism=2)
            cluster.wait_for_state(job, "FINISHED")
            self.assertEqual(len(lines_of(target)), 1600)
            self.assertGreater(time.monotonic() - began, 0.8)


class SocketTest(unittest.TestCase):
    def test_lines_of_a_server_until_it_ends_half_a_line_included(self):
        with Cluster(task_managers=1, slots=2) as cluster, socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(20)
            target = os.path.join(cluster.directory, "out")
            job = cluster.submit(JOBS, "copy_socket", ["--port", str(server.getsockname()[1]), "--output", target], parallelism=2)
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"one\ntwo\r\n")
                wait_for(lambda: lines_of(target) == ["one", "two"], "the first lines")
                self.assertEqual(cluster.state(job), "RUNNING")
                connection.sendall(b"half")
            cluster.wait_for_state(job, "FINISHED")
            self.assertEqual(lines_of(target), ["half", "one", "two"])

    def test_a_server_that_ends_is_dialled_again(self):
        with Cluster(task_managers=1, slots=1) as cluster, socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(20)
            target = os.path.join(cluster.directory, "out")
            job = cluster.submit(JOBS, "copy_socket", ["--port", str(server.getsockname()[1]), "--output", target, "--tries", "1"], parallelism=1)
            for i in range(3):
                connection, _ = server.accept()
                with connection:
                    connection.sendall(f"{i}\n".encode())
            connection, _ = server.accept()
            connection.close()
            cluster.wait_for_state(job, "FINISHED")
            self.assertEqual(lines_of(target), ["0", "1", "2"])

    def test_a_server_that_is_not_there_fails_the_job_with_a_sentence(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            with socket.create_server(("127.0.0.1", 0)) as server:
                port = server.getsockname()[1]
            job = cluster.submit(JOBS, "copy_socket", ["--port", str(port), "--output", os.path.join(cluster.directory, "out")], parallelism=1)
            cluster.wait_for_state(job, "FAILED")
            self.assertIn(f"no server answers at 127.0.0.1:{port}: Connection refused", cluster.root_exception(job))

    def test_a_job_that_waits_for_its_server_is_cancelled_at_once(self):
        with Cluster(task_managers=1, slots=1) as cluster, socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(20)
            job = cluster.submit(JOBS, "copy_socket", ["--port", str(server.getsockname()[1]), "--output", os.path.join(cluster.directory, "out")], parallelism=1)
            connection, _ = server.accept()
            with connection:
                cluster.cancel(job)
                cluster.wait_for_state(job, "CANCELED", deadline=5)


if __name__ == "__main__":
    unittest.main()
