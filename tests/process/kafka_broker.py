"""A real Apache Kafka broker for a test: started on a free port in a folder of its own, and ended with the test."""
import json
import os
import shutil
import subprocess
import tempfile

from weir_cluster import TOP

RECIPE = os.path.join(TOP, "tests", "support", "kafka", "kafka.sh")


class Broker:
    def __init__(self, *options):
        """options: of `kafka.sh start`: "--secure", "--join", DIR"""
        self.options = options

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="weir-kafka-")
        try:
            self.address = self._call("start", *self.options).strip().splitlines()[-1]
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        subprocess.run([RECIPE, "stop", "--dir", self.directory, "--wipe"], capture_output=True, check=False, timeout=60)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _call(self, *words, given=None, deadline=90):
        run = subprocess.run([RECIPE, *words, "--dir", self.directory], capture_output=True, text=True, input=given, check=False, timeout=deadline)
        if run.returncode:
            raise AssertionError(f"kafka.sh {' '.join(words)}: {run.stderr}")
        return run.stdout

    def listener(self, name):
        return self._call("address", name).strip()

    def create(self, topic, partitions=2):
        self._call("topic", "create", topic, "--partitions", str(partitions))

    def delete(self, topic):
        self._call("topic", "delete", topic)

    def produce(self, topic, lines):
        self._call("produce", topic, given="".join(line + "\n" for line in lines))

    def consume(self, topic, most=None):
        return self._call("consume", topic, *(["--max", str(most)] if most else [])).splitlines()

    def consume_json(self, topic, most=None):
        return [json.loads(line) for line in self.consume(topic, most)]

    def kill(self):
        self._call("stop", "--kill")

    def start_again(self):
        self._call("start")
