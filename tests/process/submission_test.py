"""What is uploaded and planned: good artefacts, bad ones, and build functions that misbehave. None costs the JobManager anything."""
import gzip
import os
import socket
import struct
import unittest

from weir_cluster import DEADLINE, Cluster, job_libraries, not_under, wait_for

JOBS = os.path.join(job_libraries(), "test_jobs.so")


class UploadTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(task_managers=1, slots=1, options={"rest.server.max-content-length": 64 << 20})
        cls.cluster.__enter__()
        with open(JOBS, "rb") as library:
            cls.library = library.read()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def refused(self, content, name, *words, status=400):
        before = self.cluster.get("/jars")["files"]
        answer_status, answer = self.cluster.upload_bytes(content, name)
        self.assertEqual(answer_status, status, answer)
        self.assertEqual(len(answer["errors"]), 1)
        text = answer["errors"][0]
        for word in words:
            self.assertIn(word, text)
        self.assertEqual(self.cluster.get("/jars")["files"], before)

    def raw_upload(self, body, length, and_then):
        """Sends a part of an upload whose Content-Length is `length`; gives what `and_then` makes of the connection."""
        with socket.create_connection(("127.0.0.1", self.cluster.job_manager.ports["rest"]), timeout=DEADLINE) as connection:
            connection.sendall(b"POST /jars/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=XX\r\n"
                               b"Connection: close\r\nContent-Length: %d\r\n\r\n" % length + body)
            return and_then(connection)

    def whole_form(self):
        return (b'--XX\r\nContent-Disposition: form-data; name="jarfile"; filename="job.so"\r\n\r\n' + self.library + b"\r\n--XX--\r\n")

    def test_client_that_goes_away_half_way_leaves_nothing(self):
        before = self.cluster.uploads_on_disk()
        form = self.whole_form()

        def reset(connection):
            wait_for(lambda: self.cluster.uploads_on_disk() != before, "the half upload")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        def close(connection):
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

        self.raw_upload(form[: len(form) // 2], len(form), reset)
        answer = self.raw_upload(form[: len(form) // 2], len(form), close)
        self.assertIn(b" 400 ", answer.split(b"\r\n")[0])
        self.assertIn(b"ended before its body did", answer)
        wait_for(lambda: self.cluster.uploads_on_disk() == before, "half uploads to be gone")

    def test_content_length_that_is_too_short(self):
        before = self.cluster.uploads_on_disk()
        form = self.whole_form()
        answer = self.raw_upload(form, len(form) - 200, lambda connection: b"".join(iter(lambda: connection.recv(65536), b"")))
        self.assertIn(b" 400 ", answer.split(b"\r\n")[0])
        self.assertIn(b"cut short", answer)
        wait_for(lambda: self.cluster.uploads_on_disk() == before, "the upload to be gone")

    def test_other_abi(self):
        at = self.library.index(b"Weir\0\0\0\0") + 8
        other = self.library[:at] + struct.pack("<I", 77) + self.library[at + 4:]
        self.refused(other, "job.so", "ABI 77")

    def test_32_bit_library(self):
        self.refused(self.library[:4] + b"\x01" + self.library[5:], "job.so", "64-bit x86-64")

    def test_damaged_bundles(self):
        self.refused(b"hello", "job.tar.gz", "gzip")
        self.refused(gzip.compress(b"no tar archive" * 1000), "job.tar.gz", "damaged")
        self.refused(gzip.compress(bytes(64 << 20)), "job.tar.gz", "no libraries")

    def planned(self, library):
        jar = self.cluster.upload_bytes(library, "job.so")[1]["filename"].rsplit("/", 1)[1]
        status, _, answer = self.cluster.request("POST", f"/jars/{jar}/run", {"entryClass": "prints"})
        self.assertEqual(status, 400, answer)
        self.cluster.request("DELETE", f"/jars/{jar}")
        return answer["errors"][0]

    def test_missing_dependency_is_named(self):
        self.assertIn("libwxyz.so", self.planned(self.library.replace(b"\0libweir.so\0", b"\0libwxyz.so\0")))

    def test_missing_symbol_is_named(self):
        broken = self.library.replace(b"11json_formatEv\0", b"11xml__formatEv\0")
        self.assertIn("a symbol is missing: weir::connectors::xml__format()", self.planned(broken))

    def test_upload_list_plan_delete(self):
        jar = self.cluster.upload_ok(JOBS)
        self.assertRegex(jar, r"^[0-9a-f-]{36}_test_jobs\.so$")
        listed = [f for f in self.cluster.get("/jars")["files"] if f["id"] == jar]
        self.assertEqual(listed[0]["name"], "test_jobs.so")
        self.assertIn("endless", [entry["name"] for entry in listed[0]["entry"]])
        plan = self.cluster.get(f"/jars/{jar}/plan?entry-class=endless")["plan"]
        self.assertGreater(len(plan["nodes"]), 0)
        self.assertEqual(self.cluster.request("DELETE", f"/jars/{jar}")[0], 200)
        self.assertNotIn(jar, [f["id"] for f in self.cluster.get("/jars")["files"]])

    def test_not_an_elf_file(self):
        self.refused(b"PK\x03\x04 this was a zip", "job.so", "job.so", "ELF")

    def test_empty_file(self):
        self.refused(b"", "job.so", "0 bytes")

    def test_truncated_library(self):
        self.refused(self.library[: len(self.library) // 3], "job.so", "truncated")

    def test_other_machine(self):
        self.refused(self.library[:18] + struct.pack("<H", 183) + self.library[20:], "job.so", "x86-64")

    def test_library_without_a_job(self):
        with open(os.path.join(self.cluster.home, "lib", "libweir.so"), "rb") as library:
            self.refused(library.read(), "libweir.so", "WEIR_JOB")

    def test_other_name_than_a_library(self):
        self.refused(self.library, "job.exe", ".so")

    def test_client_path_in_the_name_is_never_used(self):
        status, answer = self.cluster.upload_bytes(self.library, "../../../../tmp/evil.so")
        self.assertEqual(status, 200, answer)
        self.assertNotIn("..", answer["filename"].rsplit("/", 1)[1])
        self.assertFalse(os.path.exists("/tmp/evil.so"))

    def test_too_large(self):
        self.refused(self.library[:64] + bytes(65 << 20), "job.so", status=413)

    def test_unknown_entry_lists_the_known_ones(self):
        jar = self.cluster.upload_ok(JOBS)
        status, _, answer = self.cluster.request("POST", f"/jars/{jar}/run", {"entryClass": "endles"})
        self.assertIn(status, (400, 404))
        self.assertIn("endles", answer["errors"][0])
        self.assertIn("endless", answer["errors"][0])

    def test_unknown_jar(self):
        status, _, answer = self.cluster.request("POST", "/jars/00000000-0000-0000-0000-000000000000_x.so/run", {})
        self.assertEqual(status, 404)
        self.assertIn("errors", answer)


class PlannerTest(unittest.TestCase):
    """A build function is somebody else's code."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(task_managers=1, slots=2, options={"weir.planner.timeout": "2 s", "weir.planner.memory": "256 mb"})
        cls.cluster.__enter__()
        cls.jar = cls.cluster.upload_ok(JOBS)

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def run_job(self, entry, *arguments):
        return self.cluster.request("POST", f"/jars/{self.jar}/run", {"entryClass": entry, "programArgsList": list(arguments)})

    def refused(self, entry, *words):
        status, _, answer = self.run_job(entry)
        self.assertEqual(status, 400, answer)
        for word in words:
            self.assertIn(word, answer["errors"][0])
        self.assertEqual(self.cluster.get("/overview")["jobs-running"], 0)
        self.assertEqual(self.cluster.job_manager.children(), [])

    def test_exception(self):
        self.refused("plan_throws", "no such table: orders")

    def test_missing_argument_is_the_users_sentence(self):
        status, _, answer = self.run_job("counted")
        self.assertEqual(status, 400)
        self.assertIn("--output", answer["errors"][0])

    def test_crash(self):
        self.refused("plan_crashes", "SIGSEGV")

    def test_exit(self):
        self.refused("plan_exits", "3")

    def test_endless_loop(self):
        self.refused("plan_loops", "2 s")

    @not_under("address", "thread", because="the limit is one of address space, of which a sanitizer reserves terabytes")
    def test_memory(self):
        self.refused("plan_hoards", "bad_alloc")

    def test_left_over_child_is_killed(self):
        self.refused("plan_forks", "2 s")

    def test_job_without_sink(self):
        self.refused("plan_without_sink", "sink")

    def test_printing_disturbs_nothing(self):
        status, _, answer = self.run_job("plan_prints")
        self.assertEqual(status, 200, answer)
        self.cluster.wait_for_state(answer["jobid"], "FINISHED")


if __name__ == "__main__":
    unittest.main()
