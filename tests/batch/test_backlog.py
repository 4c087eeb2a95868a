from pathlib import Path

from keras_lisr.batch import Job
from keras_lisr.batch.backlog import IN_WORK, LARGEST_BATCH, MOST_TRIES, Backlog


def make(count):
    return [Job(Path(f"{i}.png"), Path(f"{i}_x4.png")) for i in range(count)]


def test_every_job_is_given_out_once_and_in_order():
    jobs = make(100)
    backlog, given = Backlog(jobs), []
    while len(backlog):
        batch, again = backlog.next_batch(workers=2)
        assert not again and 1 <= len(batch) <= LARGEST_BATCH
        given.append(batch)
    assert sum(given, []) == jobs
    assert len(given[0]) == LARGEST_BATCH and len(given[-1]) == 1
    assert backlog.next_batch(workers=2) == ([], False)


def test_a_picture_that_kills_workers_fails_and_takes_no_other_along():
    """Workers die over one picture, whoever has it, until it has failed; all others are done."""
    jobs = make(40)
    killer = jobs[17]
    backlog, done, failed, deaths = Backlog(jobs), [], [], 0
    while len(backlog):
        batch, _ = backlog.next_batch(workers=2)
        # At worst, it kills as soon as it is read, before the two before it are told.
        told = batch[: max(0, batch.index(killer) - IN_WORK + 1)] if killer in batch else batch
        done += told
        if len(told) < len(batch):
            deaths += 1
            failed += backlog.lost(batch[len(told) :], "killed")
    assert [task.job for task in failed] == [killer] and deaths == MOST_TRIES
    assert sorted(done, key=jobs.index) == [job for job in jobs if job != killer]
    assert failed[0].error == "the worker died, 3 times, the last one because: killed"


def test_what_was_begun_comes_back_alone_and_the_rest_as_it_was():
    jobs = make(40)
    backlog = Backlog(jobs)
    batch, _ = backlog.next_batch(workers=1)
    assert backlog.lost(batch, "killed") == []
    assert len(backlog) == len(jobs)
    assert [backlog.next_batch(1) for _ in range(IN_WORK)] == [([job], True) for job in batch[:IN_WORK]]
    rest, again = backlog.next_batch(1)
    assert not again and rest[0] == batch[IN_WORK]
