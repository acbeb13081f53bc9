"""Directories without space: a sentence that names path and reason, nothing half-written left, and all goes on when there is space again.

Each directory in question is a file system of its own of a few megabytes, mounted in a private mount namespace: as root, or as anybody where
the kernel lets users have namespaces. Elsewhere the tests are skipped.
"""
import errno
import glob
import json
import os
import subprocess
import sys
import unittest

INSIDE = "WEIR_TEST_MOUNTS"

if __name__ == "__main__" and INSIDE not in os.environ:
    enter = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    try:
        probe = subprocess.run([*enter, "mount", "-t", "tmpfs", "-o", "size=64k", "probe", "/mnt"], capture_output=True, text=True, timeout=20)
        problem = "" if probe.returncode == 0 else probe.stderr.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        problem = str(error)
    if problem:
        print(f"skipped: no file system of limited size can be mounted here: {problem}")
        sys.exit(77)
    os.execvpe(enter[0], [*enter, sys.executable, os.path.abspath(__file__), *sys.argv[1:]], {**os.environ, INSIDE: "yes"})

from weir_cluster import Cluster, dist, job_libraries, wait_for  # noqa: E402

JOBS = os.path.join(job_libraries(), "test_jobs.so")
NO_SPACE = "No space left on device"


class SmallDisk:
    """A directory with so much space and no more."""

    def __init__(self, path, size="8m"):
        self.path = path
        self.filler = os.path.join(path, "filler")
        os.makedirs(path, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "small", path], check=True)

    def fill(self, but=0):
        """Leaves `but` bytes free, in whole pages."""
        with open(self.filler, "ab", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
            filler.truncate(os.path.getsize(self.filler) // 4096 * 4096 - but)

    def free(self):
        os.unlink(self.filler)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "--lazy", self.path], check=False)

    def files(self):
        return sorted(os.path.relpath(path, self.path) for path in glob.glob(os.path.join(self.path, "**"), recursive=True)
                      if os.path.isfile(path) and path != self.filler)


class FullDiskTest(unittest.TestCase):
    def start(self, cluster, *task_manager_arguments):
        self.enterContext(cluster)
        cluster.add_task_manager(*task_manager_arguments)
        cluster.wait_for_slots(int(cluster.options["taskmanager.numberOfTaskSlots"]))

    def bystander(self, cluster):
        job = cluster.submit(JOBS, "endless")
        cluster.wait_for_running_tasks(job)
        return job

    def goes_on(self, cluster, job):
        before = sum(v["metrics"]["write-records"] for v in cluster.get(f"/jobs/{job}")["vertices"])
        wait_for(lambda: sum(v["metrics"]["write-records"] for v in cluster.get(f"/jobs/{job}")["vertices"]) > before, "the other job to go on")
        self.assertEqual(cluster.state(job), "RUNNING")

    def sentence(self, text, directory):
        self.assertIn(NO_SPACE, text)
        self.assertIn(directory, text)

    def uploads_fail_and_then_work(self, cluster, disk, *, but=0):
        job = self.bystander(cluster)
        with open(JOBS, "rb") as file:
            other_content = file.read() + b"\0"  # else it is in the store already
        before = disk.files()
        disk.fill(but)
        status, answer = cluster.upload_bytes(other_content, "more.so")
        self.assertEqual(status, 500, answer)
        self.sentence(" ".join(answer["errors"]), disk.path)
        self.assertEqual(disk.files(), before)
        self.assertNotIn("more.so", json.dumps(cluster.get("/jars")))
        self.goes_on(cluster, job)
        disk.free()
        status, answer = cluster.upload_bytes(other_content, "more.so")
        self.assertEqual(status, 200, answer)
        self.goes_on(cluster, job)

    def test_the_directory_for_uploads(self):
        cluster = Cluster(task_managers=0)
        disk = self.enterContext(SmallDisk(os.path.join(cluster.directory, "small")))
        cluster.write_config({**cluster.options, "io.tmp.dirs": disk.path, "blob.storage.directory": os.path.join(cluster.directory, "blobs")})
        self.start(cluster, "-D", f"io.tmp.dirs={cluster.directory}/tmp")
        self.uploads_fail_and_then_work(cluster, disk)

    def test_the_store_of_artefacts(self):
        cluster = Cluster(task_managers=0)
        disk = self.enterContext(SmallDisk(os.path.join(cluster.directory, "small")))
        cluster.write_config({**cluster.options, "blob.storage.directory": disk.path})
        self.start(cluster)
        self.uploads_fail_and_then_work(cluster, disk)

    def test_a_store_that_has_room_for_the_artefact_but_not_for_its_record(self):
        cluster = Cluster(task_managers=0)
        disk = self.enterContext(SmallDisk(os.path.join(cluster.directory, "small")))
        cluster.write_config({**cluster.options, "blob.storage.directory": disk.path})
        self.start(cluster)
        self.uploads_fail_and_then_work(cluster, disk, but=(os.path.getsize(JOBS) + 1 + 4095) // 4096 * 4096)

    def test_the_temporary_directory_of_a_task_manager(self):
        cluster = Cluster(task_managers=0)
        disk = self.enterContext(SmallDisk(os.path.join(cluster.directory, "small")))
        self.start(cluster, "-D", f"io.tmp.dirs={disk.path}")
        disk.fill()
        job = cluster.submit(JOBS, "endless")
        cluster.wait_for_state(job, "FAILED")
        self.sentence(cluster.root_exception(job), disk.path)
        self.assertEqual([name for name in disk.files() if not name.endswith(".lock")], [])
        cluster.wait_for_slots(2, available=2)
        disk.free()
        self.bystander(cluster)

    def test_the_directory_of_a_sink(self):
        with Cluster(task_managers=1, slots=2) as cluster, SmallDisk(os.path.join(cluster.directory, "small")) as disk:
            other = self.bystander(cluster)
            arguments = ["--keys", "10", "--output", disk.path]
            job = cluster.submit(JOBS, "counted", ["--count", "5000000", *arguments])
            cluster.wait_for_state(job, "FAILED", deadline=60)
            self.sentence(cluster.root_exception(job), disk.path)
            wait_for(lambda: disk.files() == [], "the unfinished part to be gone")
            self.goes_on(cluster, other)
            disk.fill()
            job = cluster.submit(JOBS, "counted", ["--count", "10", *arguments])
            cluster.wait_for_state(job, "FAILED")
            self.sentence(cluster.root_exception(job), disk.path)
            wait_for(lambda: disk.files() == [], "the unfinished part to be gone")
            disk.free()
            job = cluster.submit(JOBS, "counted", ["--count", "1000", *arguments])
            cluster.wait_for_state(job, "FINISHED")
            self.assertEqual(len(disk.files()), 1)

    def test_the_log_directory(self):
        cluster = Cluster(task_managers=0)
        disk = self.enterContext(SmallDisk(os.path.join(cluster.directory, "log")))
        self.start(cluster)
        self.bystander(cluster)
        disk.fill()
        daemons = [cluster.job_manager, *cluster.task_managers]
        for _ in range(50):  # the last page of each file still takes some lines
            before = [os.path.getsize(daemon.log) for daemon in daemons]
            printing = cluster.submit(JOBS, "prints")
            cluster.wait_for_state(printing, "FINISHED")
            if [os.path.getsize(daemon.log) for daemon in daemons] == before:
                break
        else:
            self.fail("a full disk still takes what is logged")
        disk.free()
        printing = cluster.submit(JOBS, "prints")
        cluster.wait_for_state(printing, "FINISHED")
        for daemon in daemons:
            wait_for(lambda: "lines of this log are missing here" in daemon.log_text(), f"{daemon.name} to say what is missing")
            self.sentence(daemon.log_text(), disk.path)
        manager = cluster.get("/taskmanagers")["taskmanagers"][0]["id"]
        wait_for(lambda: b"hello from a map" in cluster.request("GET", f"/taskmanagers/{manager}/stdout")[2], "what the second job printed")

    def test_a_daemon_that_cannot_write_its_ports_file_does_not_start_and_says_why(self):
        cluster = Cluster(task_managers=0)
        with SmallDisk(os.path.join(cluster.directory, "small")) as disk:
            disk.fill()
            for kind in ("jobmanager", "taskmanager"):
                run = subprocess.run([os.path.join(dist(), "bin", kind), "--configDir", cluster.conf, "--log-file", f"{cluster.directory}/log/x.log",
                                      "--ports-file", os.path.join(disk.path, "ports")], capture_output=True, text=True, timeout=20,
                                     env=cluster.environment)
                self.assertEqual(run.returncode, 1, run.stderr)
                self.sentence(run.stderr, disk.path)
                self.assertEqual(len(run.stderr.strip().splitlines()), 1, run.stderr)
                self.assertEqual(disk.files(), [])


if __name__ == "__main__":
    unittest.main()
