"""The REST API from outside: wrong requests, old and new paths, slow and rude clients."""
import os
import socket
import unittest

from weir_cluster import DEADLINE, Cluster, job_libraries

JOBS = os.path.join(job_libraries(), "test_jobs.so")
NO_JOB = "0" * 32


class RestTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(task_managers=1, slots=2)
        cls.cluster.__enter__()
        cls.job = cls.cluster.submit(JOBS, "endless")
        cls.cluster.wait_for_running_tasks(cls.job)

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def paths(self):
        job = self.cluster.get(f"/jobs/{self.job}")
        manager = self.cluster.get("/taskmanagers")["taskmanagers"][0]["id"]
        return ["/config", "/overview", "/jobs", "/jobs/overview", f"/jobs/{self.job}", f"/jobs/{self.job}/config", f"/jobs/{self.job}/exceptions",
                f"/jobs/{self.job}/status", f"/jobs/{self.job}/execution-result", f"/jobs/{self.job}/plan",
                f"/jobs/{self.job}/vertices/{job['vertices'][0]['id']}", "/taskmanagers", f"/taskmanagers/{manager}",
                f"/taskmanagers/{manager}/logs", "/jobmanager/logs", "/jars"]

    def test_every_route_answers_with_and_without_v1(self):
        for path in self.paths():
            for prefix in ("", "/v1"):
                status, headers, body = self.cluster.request("GET", prefix + path)
                self.assertEqual(status, 200, (prefix + path, body))
                self.assertEqual(headers.get("Content-Type") or headers.get("content-type"), "application/json; charset=UTF-8", path)

    def error(self, status, method, path, body=None, *words):
        got, _, answer = self.cluster.request(method, path, body)
        self.assertEqual(got, status, (path, answer))
        self.assertEqual(list(answer), ["errors"])
        for word in words:
            self.assertIn(word, answer["errors"][0])

    def test_unknown_path(self):
        self.error(404, "GET", "/nothing/here", None, "/nothing/here")

    def test_wrong_method(self):
        got, _, _ = self.cluster.request("DELETE", "/overview")
        self.assertIn(got, (404, 405))

    def test_unknown_job(self):
        self.error(404, "GET", f"/jobs/{NO_JOB}", None, NO_JOB)
        self.error(404, "PATCH", f"/jobs/{NO_JOB}?mode=cancel", None, NO_JOB)

    def test_id_that_is_none(self):
        self.error(400, "GET", "/jobs/not-an-id", None, "not-an-id")

    def test_unknown_task_manager(self):
        self.error(404, "GET", "/taskmanagers/nobody", None, "nobody")

    def test_unknown_vertex(self):
        self.error(404, "GET", f"/jobs/{self.job}/vertices/{NO_JOB}", None, NO_JOB)

    def test_bad_json(self):
        jar = self.cluster.upload_ok(JOBS)
        self.error(400, "POST", f"/jars/{jar}/run", b'{"entryClass": ')

    def test_body_of_wrong_type(self):
        jar = self.cluster.upload_ok(JOBS)
        self.error(400, "POST", f"/jars/{jar}/run", {"parallelism": "many"})

    def test_huge_json_body(self):
        jar = self.cluster.upload_ok(JOBS)
        status, _, _ = self.cluster.request("POST", f"/jars/{jar}/run", b'{"programArgs": "' + b"x" * (8 << 20) + b'"}')
        self.assertEqual(status, 413)

    def test_upload_without_a_file(self):
        self.error(400, "POST", "/jars/upload", b"nothing")

    def test_log_file_name_is_not_a_path(self):
        for name in ("..%2F..%2F..%2Fetc%2Fpasswd", "nothing.log"):
            self.error(404, "GET", f"/jobmanager/logs/{name}")

    def raw(self, data, half_close=False):
        with socket.create_connection(("127.0.0.1", self.cluster.job_manager.ports["rest"]), timeout=DEADLINE) as connection:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
            return answer

    def test_garbage_gets_400_and_the_door(self):
        self.assertIn(b" 400 ", self.raw(b"\x16\x03\x01\x02\x00garbage\r\n\r\n").split(b"\r\n")[0])

    def test_endless_header_is_cut_off(self):
        with self.assertRaises((ConnectionError, AssertionError, OSError)):
            answer = self.raw(b"GET / HTTP/1.1\r\nX: " + b"a" * (1 << 20) + b"\r\n\r\n", half_close=True)
            self.assertNotIn(b" 4", answer.split(b"\r\n")[0])

    def test_slow_client_does_not_disturb_others(self):
        slow = [socket.create_connection(("127.0.0.1", self.cluster.job_manager.ports["rest"]), timeout=DEADLINE) for _ in range(100)]
        try:
            for connection in slow:
                connection.sendall(b"GET /overview HTTP/1.1\r\nHost:")
            for _ in range(20):
                self.cluster.get("/overview")
        finally:
            for connection in slow:
                connection.close()


if __name__ == "__main__":
    unittest.main()
