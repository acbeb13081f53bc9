"""The main job from topic to topic, through a real Apache Kafka broker."""
import os
import subprocess
import unittest

from kafka_broker import Broker
from slow_query_test import FOLD, JOB, SAMPLE, compare
from weir_cluster import Cluster, wait_for


class KafkaTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = Broker()
        cls.broker.__enter__()
        cls.records = subprocess.run([FOLD, "--joined", SAMPLE], capture_output=True, text=True, check=True).stdout.splitlines()

    @classmethod
    def tearDownClass(cls):
        cls.broker.__exit__()

    def test_topic_to_topic_bounded_equals_the_plain_fold(self):
        self.broker.create("slow-1", 3)
        self.broker.create("results-1", 2)
        self.broker.create("bad-1", 1)
        self.broker.produce("slow-1", [*self.records, "no slow query at all"])
        with Cluster(task_managers=2, slots=1) as cluster:
            code, out, error = cluster.run("-p", "2", JOB, "--input", "kafka:slow-1", "--output", "kafka:results-1", "--brokers", self.broker.address,
                                           "--bad-records", "kafka:bad-1", "--bounded")
            self.assertEqual(code, 0, out + error)
            results = os.path.join(cluster.directory, "results.jsonl")
            with open(results, "w", encoding="utf-8") as file:
                file.writelines(line + "\n" for line in self.broker.consume("results-1"))
            compare(SAMPLE, results)
            self.assertIn("no slow query at all", "".join(self.broker.consume("bad-1", 1)))

    def test_unbounded_topic_is_followed_until_cancelled(self):
        self.broker.create("slow-2", 2)
        self.broker.create("results-2", 1)
        self.broker.produce("slow-2", self.records[:100])
        with Cluster(task_managers=1, slots=2) as cluster:
            code, out, error = cluster.run("-d", "-p", "2", JOB, "--input", "kafka:slow-2", "--output", "kafka:results-2", "--brokers", self.broker.address)
            self.assertEqual(code, 0, error)
            job = cluster.get("/jobs")["jobs"][0]["id"]
            cluster.wait_for_running_tasks(job)
            self.assertEqual(len(self.broker.consume("results-2", 100)), 100)
            self.broker.produce("slow-2", self.records[100:150])
            self.assertEqual(len(self.broker.consume("results-2", 150)), 150)
            cluster.cancel(job)
            cluster.wait_for_state(job, "CANCELED")
            self.assertTrue(out)

    def test_broker_that_is_not_there(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            code, _, error = cluster.run(JOB, "--input", "kafka:slow-1", "--output", "console", "--brokers", "127.0.0.1:1", "--bounded", deadline=90)
            self.assertNotEqual(code, 0)
            self.assertIn("127.0.0.1:1", error)

    def test_topic_that_is_not_there(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            code, _, error = cluster.run(JOB, "--input", "kafka:nowhere", "--output", "console", "--brokers", self.broker.address, "--bounded", deadline=90)
            self.assertNotEqual(code, 0)
            self.assertIn("nowhere", error)

    def start_following(self, cluster, broker, topic, *more):
        """A job that follows `topic` and has read all of it."""
        broker.create(topic, 2)
        broker.create(topic + "-results", 1)
        broker.produce(topic, self.records[:20])
        code, _, error = cluster.run("-d", "-p", "2", JOB, "--input", "kafka:" + topic, "--output", f"kafka:{topic}-results", "--brokers", broker.address, *more)
        self.assertEqual(code, 0, error)
        job = cluster.get("/jobs")["jobs"][-1]["id"]
        self.assertEqual(len(broker.consume(topic + "-results", 20)), 20)
        return job

    def test_topic_deleted_while_it_is_read_fails_the_job_with_its_name(self):
        with Cluster(task_managers=1, slots=2) as cluster:
            job = self.start_following(cluster, self.broker, "vanishes")
            self.broker.delete("vanishes")
            cluster.wait_for_state(job, "FAILED", deadline=60)
            self.assertIn("the Kafka topic 'vanishes' is gone while it is being read", cluster.root_exception(job))
            # Its tasks have ended, so the slots and the worker process are free again.
            cluster.wait_for_slots(2, 2)
            wait_for(lambda: not cluster.task_managers[0].children(), "the worker to end")

    def test_job_whose_topic_was_deleted_can_be_cancelled_at_once(self):
        with Cluster(task_managers=1, slots=2) as cluster:
            job = self.start_following(cluster, self.broker, "cancels")
            self.broker.delete("cancels")
            cluster.cancel(job)
            cluster.wait_for_state(job, "CANCELED", "FAILED")
            cluster.wait_for_slots(2, 2)

    def test_unknown_property_is_refused_before_anything_starts(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            code, _, error = cluster.run(JOB, "--input", "kafka:slow-1", "--output", "console", "--brokers", self.broker.address, "--properties.fetch.min.byte", "1")
            self.assertNotEqual(code, 0)
            self.assertIn("the Kafka property fetch.min.byte cannot be used: No such configuration property", error)
            self.assertEqual(cluster.get("/jobs")["jobs"], [])

    def test_wrong_password_fails_the_job_and_is_shown_nowhere(self):
        with Broker("--secure") as broker, Cluster(task_managers=1, slots=1) as cluster:
            broker.create("private", 1)
            address = broker.listener("SASL_PLAINTEXT")
            words = [JOB, "--input", "kafka:private", "--output", "console", "--bounded", "--brokers", address, "--properties.security.protocol", "SASL_PLAINTEXT",
                     "--properties.sasl.mechanism", "PLAIN", "--properties.sasl.username", "weir", "--properties.sasl.password"]
            code, out, error = cluster.run(*words, "hunter-two", deadline=90)
            self.assertNotEqual(code, 0)
            self.assertIn(f"Kafka at {address} refuses this client", error)
            job = cluster.get("/jobs")["jobs"][0]["id"]
            shown = [out, error, *(daemon.log_text() for daemon in [cluster.job_manager, *cluster.task_managers])]
            shown += [str(cluster.get(f"/jobs/{job}{path}")) for path in ("", "/config", "/exceptions", "/plan")]
            for text in shown:
                self.assertNotIn("hunter-two", text)
            code, out, error = cluster.run(*words, "weir-secret", deadline=90)
            self.assertEqual(code, 0, out + error)

    def test_broker_killed_and_back_while_running_loses_nothing(self):
        with Broker() as broker, Cluster(task_managers=1, slots=1) as cluster:
            broker.create("slow-3", 1)
            broker.create("results-3", 1)
            broker.produce("slow-3", self.records[:50])
            code, _, error = cluster.run("-d", JOB, "--input", "kafka:slow-3", "--output", "kafka:results-3", "--brokers", broker.address)
            self.assertEqual(code, 0, error)
            job = cluster.get("/jobs")["jobs"][0]["id"]
            self.assertEqual(len(broker.consume("results-3", 50)), 50)
            broker.kill()
            broker.start_again()
            broker.produce("slow-3", self.records[50:80])
            # The client's back-off may outlast one look at the topic.
            def all_come():
                self.assertEqual(cluster.state(job), "RUNNING", cluster.get(f"/jobs/{job}/exceptions"))
                return len(broker.consume("results-3", 80)) >= 80
            wait_for(all_come, "80 results after the broker came back", 60)
            self.assertEqual(cluster.state(job), "RUNNING")


if __name__ == "__main__":
    unittest.main()
