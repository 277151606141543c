"""A member of a group in a thread of its own, for the clients in Python: it polls until it is told to leave."""

import queue
import threading

ANSWER_TIMEOUT_S = 60


class Member(threading.Thread):
    """Subclasses open, poll, commit and close the consumer; all of it happens in the thread."""

    def __init__(self, topic):
        super().__init__(daemon=True)
        self.topic = topic
        self.jobs = queue.Queue()
        self.lock = threading.Lock()
        self.records = []
        self.assignments = []
        self.assigned = []
        self.positions = {}
        self.error = None
        self.has_left = False

    def run(self):
        try:
            self.open()
            while not self.has_left:
                self.do_jobs()
                if not self.has_left:
                    self.poll()
        except Exception as error:
            self.error = error
            while True:
                job, answer = self.jobs.get()
                answer.put(("error", error))

    def do_jobs(self):
        while not self.jobs.empty():
            job, answer = self.jobs.get()
            try:
                answer.put(("result", job()))
            except Exception as error:
                answer.put(("error", error))

    def ask(self, job):
        answer = queue.Queue()
        self.jobs.put((job, answer))
        kind, value = answer.get(timeout=ANSWER_TIMEOUT_S)
        if kind == "error":
            raise value
        return value

    def take(self, partition, offset, value):
        with self.lock:
            self.records.append([partition, offset, value.decode("utf-8")])
            self.positions[partition] = offset + 1

    def told(self, generation, partitions):
        """Of the whole assignment, once it is in force."""
        with self.lock:
            self.assigned = sorted(partitions)
            self.assignments.append([generation, self.assigned])

    def lost(self, partitions):
        with self.lock:
            self.assigned = [p for p in self.assigned if p not in partitions]
            for partition in partitions:
                self.positions.pop(partition, None)

    def look(self):
        if self.error is not None:
            raise self.error
        with self.lock:
            view = {"assigned": self.assigned, "records": self.records, "assignments": self.assignments}
            self.records, self.assignments = [], []
            return view

    def leave(self):
        def job():
            self.has_left = True
            self.close()

        self.ask(job)
        return self.look()


MEMBERS = {}


def operations(new_member):
    """The operations on members; `new_member` takes the options of `join` but the name."""

    def join(member, topic, **options):
        MEMBERS[member] = new_member(topic=topic, **options)
        MEMBERS[member].start()

    def commit(member):
        it = MEMBERS[member]
        it.ask(lambda: it.commit({p: o for p, o in it.positions.items() if p in it.assigned}))

    def commit_offset(member, partition, offset):
        it = MEMBERS[member]
        it.ask(lambda: it.commit({partition: offset}))

    def committed(member, partitions):
        it = MEMBERS[member]
        return it.ask(lambda: it.committed(range(partitions)))

    return {
        "join": join,
        "look": lambda member: MEMBERS[member].look(),
        "commit": commit,
        "commitOffset": commit_offset,
        "committed": committed,
        "leave": lambda member: MEMBERS.pop(member).leave(),
    }


