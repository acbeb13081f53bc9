"""The REST API from outside: wrong requests, old and new paths, slow and rude clients."""
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import threading
import unittest

from weir_cluster import DEADLINE, Cluster, job_libraries, wait_for

JOBS = os.path.join(job_libraries(), "test_jobs.so")
NO_JOB = "0" * 32


class RestTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(task_managers=1, slots=4)
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

    def ask(self, head, body=b""):
        """-> (status line, head, body) of the answer to one raw request that closes."""
        answer = self.raw(head + b"\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        head, _, body = answer.partition(b"\r\n\r\n")
        return head.split(b"\r\n")[0].decode(), head.decode(), body

    def test_wrong_addresses(self):
        logs = b"GET /jobmanager/logs/"
        for request, status, words in (
                (logs + b"%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1", 404, b"Unable to load"), (logs + b"../../etc/passwd HTTP/1.1", 404, b"Unable to load"),
                (logs + b"%2e%2e HTTP/1.1", 404, b"Unable to load"), (logs + b"jobmanager.log%00.txt HTTP/1.1", 400, b"zero byte"),
                (b"GET /jobs/%zz HTTP/1.1", 400, b"hexadecimal"), (b"GET /jobs/%ff%fe HTTP/1.1", 400, b"jobid"), (b"GET /jobs\0 HTTP/1.1", 400, b"Malformed"),
                (b"GET /" + b"a" * 15000 + b" HTTP/1.1", 404, b"aaa..."), (b"GET /" + b"a" * 20000 + b" HTTP/1.1", 431, b"16384 bytes"),
                (b"GET /nope%0d%0aX-Evil:1 HTTP/1.1", 404, b"Unable to load"), (b"GET jobs HTTP/1.1", 400, b"errors"),
                (b"TRACE /jobs HTTP/1.1", 404, b"Not found"), (b"PUT /jobs HTTP/1.1", 404, b"Not found"), (b"GET /jobs HTTP/3.0", 400, b"Malformed")):
            line, head, body = self.ask(request)
            with self.subTest(request[:60]):
                self.assertIn(f" {status} ", line)
                self.assertEqual(list(json.loads(body)), ["errors"])
                self.assertIn(words, body)
                self.assertNotIn("X-Evil", head)
                self.assertLess(len(body), 1000)

    def test_unknown_query_parameters_are_ignored(self):
        self.assertEqual(self.cluster.get("/jobs?no=such&parameter"), self.cluster.get("/jobs"))

    def test_head_options_and_old_http(self):
        line, head, body = self.ask(b"HEAD /overview HTTP/1.1")
        self.assertEqual((line, body), ("HTTP/1.1 200 OK", b""))
        self.assertRegex(head, r"Content-Length: [1-9]")
        line, head, body = self.ask(b"OPTIONS /jobs HTTP/1.1")
        self.assertEqual((line, body), ("HTTP/1.1 204 No Content", b""))
        self.assertIn("Access-Control-Allow-Methods: GET", head)
        answer = self.raw(b"GET /jobs HTTP/1.0\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"}") and b"Connection: close" in answer, answer)

    def test_many_requests_at_once_are_answered_in_order(self):
        requests = [b"/jobs", b"/nope", b"/config"] * 200
        answer = self.raw(b"".join(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path for path in requests) + b"GET /jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        self.assertEqual(re.findall(rb"HTTP/1.1 (\d+) ", answer), [b"200", b"404", b"200"] * 200 + [b"200"])

    def test_bodies_that_are_no_request(self):
        jar = self.cluster.upload_ok(JOBS)
        for body, words in ((b"[]", "object"), (b"[" * 200_000, "deep"), (b'{"parallelism": NaN}', "JSON"), (b'{"parallelism": 0}', "parallelism"),
                            (b'{"parallelism": 99999999999}', "parallelism"), (b'{"programArgsList": [1]}', "programArgsList"), (b'{"jobId": "zz"}', "jobId"),
                            (b'{"flinkConfiguration": {"a": 1}}', '"a"'), (b"\xff\xfe", "JSON"), (b'{"savepointPath": "/x"}', "savepoint")):
            with self.subTest(body[:40]):
                self.error(400, "POST", f"/jars/{jar}/run", body, words)
        self.assertEqual(self.cluster.request("DELETE", f"/jars/{jar}")[0], 200)

    def test_run_says_what_it_accepts_without_effect(self):
        jar = self.cluster.upload_ok(JOBS)
        body = {"entryClass": "prints", "parallelism": "1", "flinkConfiguration": {"execution.checkpointing.interval": "10 s"}, "tag": 1}
        status, _, started = self.cluster.request("POST", f"/jars/{jar}/run", body)
        self.assertEqual(status, 200, started)
        self.assertEqual(len(started["jobid"]), 32)
        self.assertEqual(len(started["warnings"]), 2, started)
        self.assertTrue(any("execution.checkpointing.interval" in warning for warning in started["warnings"]), started)
        self.assertTrue(any('"tag"' in warning for warning in started["warnings"]), started)
        status, _, quiet = self.cluster.request("POST", f"/jars/{jar}/run", {"entryClass": "prints", "parallelism": 1})
        self.assertEqual((status, list(quiet)), (200, ["jobid"]))
        self.error(400, "POST", f"/jars/{jar}/run", b'{"entry-class": "prints"}', "did you mean")

    def test_lists_in_queries_are_bounded(self):
        for path in ("/jobs/metrics?get=", "/jobs/metrics?jobs=", "/taskmanagers/metrics?taskmanagers=", "/jobmanager/metrics?get=", "/jobs/metrics?agg="):
            with self.subTest(path):
                self.error(400, "GET", path + ",".join(["a"] * 1_001), None, "1000 items")

    def test_client_that_reads_nothing_holds_only_its_own_connection_up(self):
        slow = []
        before = self.cluster.job_manager.resident_mb()
        try:
            for _ in range(20):
                connection = socket.socket()
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.connect(("127.0.0.1", self.cluster.job_manager.ports["rest"]))
                connection.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    connection.send(b"GET /jobmanager/config HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20_000)
                slow.append(connection)
            for _ in range(50):
                self.cluster.get("/overview")
            self.assertLess(self.cluster.job_manager.resident_mb() - before, 40)
        finally:
            for connection in slow:
                connection.close()

    def test_connections_used_again_while_jobs_come_and_go(self):
        failures, jar = [], self.cluster.upload_ok(JOBS)

        def keep_asking():
            connection = http.client.HTTPConnection("127.0.0.1", self.cluster.job_manager.ports["rest"], timeout=DEADLINE)
            try:
                for at in range(500):
                    connection.request("GET", ("/overview", "/jobs/overview", f"/jobs/{self.job}", "/taskmanagers")[at % 4])
                    answer = connection.getresponse()
                    if answer.status != 200 or not json.loads(answer.read()):
                        failures.append(answer.status)
            except (OSError, http.client.HTTPException, ValueError) as error:
                failures.append(repr(error))
            finally:
                connection.close()

        askers = [threading.Thread(target=keep_asking) for _ in range(4)]
        for asker in askers:
            asker.start()
        while any(asker.is_alive() for asker in askers):
            for entry in ("prints", "plan_throws", "endless"):
                status, _, started = self.cluster.request("POST", f"/jars/{jar}/run", {"entryClass": entry, "parallelism": 1})
                if status == 200:
                    self.cluster.cancel(started["jobid"]) if entry == "endless" else self.cluster.wait_for_state(started["jobid"], "FINISHED")
        self.assertEqual(failures, [])

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


class EndOfTheJobManagerTest(unittest.TestCase):
    def test_a_request_at_hand_when_the_job_manager_ends_gets_an_answer(self):
        with Cluster(task_managers=0, slots=1) as cluster:
            jar = cluster.upload_ok(JOBS)
            answers = []
            asker = threading.Thread(target=lambda: answers.append(cluster.request("POST", f"/jars/{jar}/run", {"entryClass": "plan_loops"})))
            asker.start()
            wait_for(cluster.job_manager.children, "the planner")
            self.assertEqual(cluster.job_manager.end(signal.SIGTERM), 0)
            asker.join(DEADLINE)
            self.assertEqual([(status, list(body)) for status, _, body in answers], [(503, ["errors"])])


if __name__ == "__main__":
    unittest.main()
