"""What the REST API of a real cluster answers about running, finished, failed and cancelled jobs: Flink's fields, types and words, and true numbers."""
import os
import time
import unittest

from rest_shapes import Shapes
from weir_cluster import Cluster, job_libraries, wait_for

JOBS = os.path.join(job_libraries(), "test_jobs.so")
JSON, TEXT = "application/json; charset=UTF-8", "text/plain"
COUNT, KEYS = 100_000, 10


class ContractTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shapes = Shapes()
        cls.cluster = Cluster(task_managers=1, slots=6)
        cls.cluster.__enter__()
        cls.begin_ms = time.time() * 1000
        cls.jar = cls.cluster.upload_ok(JOBS)
        cls.running = cls.cluster.submit(JOBS, "endless", parallelism=2)
        cls.cancelled = cls.cluster.submit(JOBS, "endless", parallelism=2)
        cls.finished = cls.cluster.submit(JOBS, "counted", parallelism=2, arguments=[
            "--output", os.path.join(cls.cluster.directory, "out"), "--count", str(COUNT), "--keys", str(KEYS)])
        cls.failed = cls.cluster.submit(JOBS, "throws")
        cls.cluster.wait_for_running_tasks(cls.cancelled)
        cls.cluster.cancel(cls.cancelled)
        cls.cluster.wait_for_state(cls.cancelled, "CANCELED")
        cls.cluster.wait_for_state(cls.finished, "FINISHED")
        cls.cluster.wait_for_state(cls.failed, "FAILED")
        cls.jobs = {"RUNNING": cls.running, "FINISHED": cls.finished, "FAILED": cls.failed, "CANCELED": cls.cancelled}

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def check(self, route, path, body=None):
        """The route's answer on this path, compared with its shape, with and without /v1."""
        method = route.split(" ")[0]
        for prefix in ("/v1", ""):
            status, headers, answer = self.cluster.request(method, prefix + path, body)
            where = f"{method} {prefix}{path}: {status} {answer!r:.300}"
            self.assertEqual(status, self.shapes.status[route], where)
            self.assertEqual(headers["Content-Type"], TEXT if self.shapes.is_text(route) else JSON, where)
            if not self.shapes.is_text(route):
                self.assertEqual(self.shapes.differences(route, answer), [], where)
        return answer

    def test_the_cluster(self):
        self.check("GET /config", "/config")
        overview = self.check("GET /overview", "/overview")
        for key in ("running", "finished", "failed", "cancelled"):
            self.assertGreaterEqual(overview[f"jobs-{key}"], 1, key)
        self.check("GET /datasets", "/datasets")
        self.check("GET /jobmanager/config", "/jobmanager/config")
        self.check("GET /jobmanager/environment", "/jobmanager/environment")
        self.check("GET /jobmanager/log", "/jobmanager/log")
        names = [log["name"] for log in self.check("GET /jobmanager/logs", "/jobmanager/logs")["logs"]]
        self.assertIn("jobmanager.log", names)
        self.check("GET /jobmanager/logs/:filename", "/jobmanager/logs/jobmanager.log")

    def test_task_managers(self):
        manager = self.check("GET /taskmanagers", "/taskmanagers")["taskmanagers"][0]
        self.assertEqual(manager["slotsNumber"], 6)
        self.assertGreater(manager["timeSinceLastHeartbeat"], self.begin_ms - 10_000)  # a point in time, whatever its name says
        path = f"/taskmanagers/{manager['id']}"
        details = self.check("GET /taskmanagers/:taskmanagerid", path)
        self.assertEqual([slot["jobId"] for slot in details["allocatedSlots"]].count(self.running), 2)
        self.check("GET /taskmanagers/:taskmanagerid/log", path + "/log")
        self.check("GET /taskmanagers/:taskmanagerid/stdout", path + "/stdout")
        log = self.check("GET /taskmanagers/:taskmanagerid/logs", path + "/logs")["logs"][0]["name"]
        self.check("GET /taskmanagers/:taskmanagerid/logs/:filename", f"{path}/logs/{log}")

    def test_jars(self):
        listed = self.check("GET /jars", "/jars")
        self.assertEqual(listed["address"], f"http://{self.cluster.rest}")
        self.assertIn(self.jar, [file["id"] for file in listed["files"]])
        self.assertEqual(self.check("GET /jars/:jarid/plan", f"/jars/{self.jar}/plan?entry-class=endless&parallelism=3")["plan"]["nodes"][0]["parallelism"], 3)
        self.check("POST /jars/:jarid/plan", f"/jars/{self.jar}/plan", {"entryClass": "endless"})
        status, uploaded = self.cluster.upload(JOBS)
        self.assertEqual((status, self.shapes.differences("POST /jars/upload", uploaded)), (200, []))
        jar = uploaded["filename"].rsplit("/", 1)[1]
        status, _, started = self.cluster.request("POST", f"/v1/jars/{jar}/run", {"entryClass": "prints"})
        self.assertEqual((status, self.shapes.differences("POST /jars/:jarid/run", started)), (200, []))
        self.assertEqual(self.cluster.request("DELETE", f"/v1/jars/{jar}")[::2], (200, {}))
        self.assertEqual(self.cluster.request("DELETE", f"/v1/jars/{jar}")[0], 400)
        self.cluster.wait_for_state(started["jobid"], "FINISHED")

    def test_lists_of_jobs(self):
        statuses = {job["id"]: job["status"] for job in self.check("GET /jobs", "/jobs")["jobs"]}
        overview = {job["jid"]: job for job in self.check("GET /jobs/overview", "/jobs/overview")["jobs"]}
        for state, job in self.jobs.items():
            self.assertEqual((statuses[job], overview[job]["state"]), (state, state))
            self.assertEqual(overview[job]["end-time"] == -1, state == "RUNNING")
            self.assertEqual(overview[job]["tasks"]["total"], sum(count for key, count in overview[job]["tasks"].items() if key != "total"))

    def test_one_side_of_each_job(self):
        for state, job in self.jobs.items():
            with self.subTest(state):
                details = self.check("GET /jobs/:jobid", f"/jobs/{job}")
                self.assertEqual((details["state"], self.check("GET /jobs/:jobid/status", f"/jobs/{job}/status")), (state, {"status": state}))
                self.assertGreaterEqual(details["timestamps"][state], details["start-time"])
                self.assertEqual(details["end-time"], -1 if state == "RUNNING" else details["timestamps"][state])
                self.assertEqual(sum(details["status-counts"].values()), len(details["vertices"]))
                self.assertEqual(self.check("GET /jobs/:jobid/plan", f"/jobs/{job}/plan")["plan"], details["plan"])
                self.check("GET /jobs/:jobid/config", f"/jobs/{job}/config")
                self.check("GET /jobs/:jobid/accumulators", f"/jobs/{job}/accumulators")

    def test_exceptions_and_result(self):
        outcomes = {"FINISHED": "SUCCEEDED", "FAILED": "FAILED", "CANCELED": "CANCELED"}
        for state, job in self.jobs.items():
            with self.subTest(state):
                exceptions = self.check("GET /jobs/:jobid/exceptions", f"/jobs/{job}/exceptions")
                result = self.check("GET /jobs/:jobid/execution-result", f"/jobs/{job}/execution-result")
                if state == "FAILED":
                    entry = exceptions["exceptionHistory"]["entries"][0]
                    self.assertIn("bad value 7", exceptions["root-exception"])
                    self.assertIn("check", entry["taskName"])
                    self.assertIn("bad value 7", result["job-execution-result"]["failure-cause"]["stack-trace"])
                else:
                    self.assertIsNone(exceptions["root-exception"])
                    self.assertIsNone(exceptions["timestamp"])
                    self.assertNotIn("failure-cause", result.get("job-execution-result", {}))
                self.assertEqual(result["status"]["id"], "COMPLETED" if state in outcomes else "IN_PROGRESS")
                self.assertEqual(result.get("job-execution-result", {}).get("application-status"), outcomes.get(state))

    def test_vertices(self):
        for state, job in self.jobs.items():
            for vertex in self.cluster.get(f"/jobs/{job}")["vertices"]:
                with self.subTest(f"{state} {vertex['name']}"):
                    path = f"/jobs/{job}/vertices/{vertex['id']}"
                    details = self.check("GET /jobs/:jobid/vertices/:vertexid", path)
                    self.assertEqual([subtask["status"] for subtask in details["subtasks"]], [state] * vertex["parallelism"])
                    self.assertEqual({subtask["end-time"] == -1 for subtask in details["subtasks"]}, {state == "RUNNING"})
                    self.check("GET /jobs/:jobid/vertices/:vertexid/accumulators", path + "/accumulators")
                    self.check("GET /jobs/:jobid/vertices/:vertexid/subtasktimes", path + "/subtasktimes")
                    self.check("GET /jobs/:jobid/vertices/:vertexid/taskmanagers", path + "/taskmanagers")
                    self.check("GET /jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex", path + "/subtasks/0")
                    self.check("GET /jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex/attempts/:attempt", path + "/subtasks/0/attempts/0")

    def test_what_a_finished_job_has_counted(self):
        source, sink = (vertex["metrics"] for vertex in self.cluster.get(f"/jobs/{self.finished}")["vertices"])
        self.assertEqual((source["read-records"], source["write-records"]), (0, COUNT))
        self.assertEqual((sink["read-records"], sink["write-records"]), (COUNT, 0))
        self.assertGreater(source["write-bytes"], COUNT * 8)
        self.assertEqual(sink["read-bytes"], source["write-bytes"])
        self.assertTrue(all(value for metrics in (source, sink) for key, value in metrics.items() if key.endswith("complete")))
        self.assertEqual(self.cluster.get(f"/jobs/{self.finished}/accumulators")["user-task-accumulators"], [])

    def test_what_a_running_job_counts_is_heard_of_and_grows(self):
        def counted(least):
            metrics = [vertex["metrics"] for vertex in self.cluster.get(f"/jobs/{self.running}")["vertices"]]
            heard = all(one["write-records-complete"] and one["read-bytes-complete"] for one in metrics)
            return heard and metrics[0]["write-records"] > least and metrics[1]["read-records"] > least and metrics
        first = wait_for(lambda: counted(0), "counters of a running job")
        later = wait_for(lambda: counted(first[0]["write-records"]), "counters that grow")
        self.assertGreater(later[0]["write-bytes"], 0)
        for one in later:
            self.assertGreater(one["accumulated-busy-time"] + one["accumulated-idle-time"], 0)
        vertex = self.cluster.get(f"/jobs/{self.running}")["vertices"][0]["id"]
        details = self.cluster.get(f"/jobs/{self.running}/vertices/{vertex}")
        self.assertEqual(details["aggregated"]["metrics"]["write-records"]["sum"],
                         sum(subtask["metrics"]["write-records"] for subtask in details["subtasks"]))

    def test_numbers_of_a_job_that_waits_for_slots_are_not_complete(self):
        job = self.cluster.submit(JOBS, "endless", parallelism=9)
        details = self.cluster.get(f"/jobs/{job}")
        self.assertEqual(details["state"], "CREATED")
        self.assertEqual(self.shapes.differences("GET /jobs/:jobid", details), [])
        for vertex in details["vertices"]:
            self.assertEqual((vertex["start-time"], vertex["end-time"], vertex["duration"]), (-1, -1, -1))
            self.assertFalse(vertex["metrics"]["read-records-complete"])
            path = f"/jobs/{job}/vertices/{vertex['id']}"
            self.assertEqual(self.check("GET /jobs/:jobid/vertices/:vertexid", path)["subtasks"][0]["host"], "(unassigned)")
            self.check("GET /jobs/:jobid/vertices/:vertexid/taskmanagers", path + "/taskmanagers")
        self.check("PATCH /jobs/:jobid", f"/jobs/{job}?mode=cancel")
        self.cluster.wait_for_state(job, "CANCELED")
        self.assertEqual(self.cluster.request("PATCH", f"/jobs/{job}")[0], 202)  # once more is no error in Flink

    def test_cancel_of_a_job_that_has_ended_otherwise(self):
        for state in ("FINISHED", "FAILED"):
            status, headers, answer = self.cluster.request("PATCH", f"/jobs/{self.jobs[state]}?mode=cancel")
            self.assertEqual((status, headers["Content-Type"], self.shapes.differences("error", answer)), (409, JSON, []))
            self.assertIn(f"Job cancellation failed because the job has already reached another terminal state ({state})", answer["errors"][0])


if __name__ == "__main__":
    unittest.main()
