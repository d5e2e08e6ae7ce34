#!/usr/bin/python3
"""Ranks by the published cold-start protocol, for the `transfer` script next to this file.

Reads asked.csv (user, item: the rows that are judged), own.csv (user, item of the test file), items.csv (item, events, events of
overlapping users) and scores.csv (user, item, score) from a directory and prints a line for the scores and one for popularity among
overlapping users and one for popularity in the domain, in %: MRR, NDCG@10 and HR@10 among 999 sampled negatives, five seeds, and MRR
and HR@10 among all items.  Ties count half.
"""
import csv
import sys

import numpy as np

SEEDS = 5
NEGATIVES = 999


def read(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


def ranks(above, equal):
    return 1 + above + equal / 2


def gains(rank):
    near = rank <= 10
    return np.array([(1 / rank).mean(), (near / np.log2(1 + rank)).mean(), near.mean()]) * 100


def negatives(items, rows, own, redraw, seed):
    """Places in items: a row of 999 for each row, none of which is among the user's own where redraw says so."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(items), (len(rows), NEGATIVES))
    if redraw:
        for r, (user, _) in enumerate(rows):
            taken = np.isin(items[drawn[r]], own.get(user, []))
            while taken.any():
                drawn[r, taken] = rng.integers(0, len(items), taken.sum())
                taken = np.isin(items[drawn[r]], own.get(user, []))
    return drawn


def judge(name, score, rows, place, drawn):
    """score: a vector over all items for each user."""
    sampled = np.zeros(3)
    full = np.zeros(2)
    positive = np.array([score[user][place[item]] for user, item in rows])
    for seed in range(SEEDS):
        other = np.array([score[user][drawn[seed][r]] for r, (user, _) in enumerate(rows)])
        sampled += gains(ranks((other > positive[:, None]).sum(1), (other == positive[:, None]).sum(1))) / SEEDS
    above = np.array([(score[user] > positive[r]).sum() for r, (user, _) in enumerate(rows)])
    equal = np.array([(score[user] == positive[r]).sum() - 1 for r, (user, _) in enumerate(rows)])
    full = gains(ranks(above, equal))
    print(f"{name:32s} {sampled[0]:6.2f}   {sampled[1]:6.2f} {sampled[2]:6.2f}                 {full[0]:5.2f}  {full[2]:5.2f}")


def main(directory, target, name):
    counts = np.array(read(f"{directory}/items.csv"), dtype=np.int64)
    items = counts[:, 0]
    place = {int(item): i for i, item in enumerate(items)}
    everything = [(user, int(item)) for user, item in read(f"{directory}/asked.csv")]
    rows = [(user, item) for user, item in everything if item in place]
    own = {}
    for user, item in read(f"{directory}/own.csv"):
        own.setdefault(user, []).append(int(item))
    users = {user for user, _ in rows}
    score = {user: np.zeros(len(items)) for user in users}
    for user, item, value in read(f"{directory}/scores.csv"):
        if user in users:
            score[user][place[int(item)]] = float(value)
    drawn = [negatives(items, rows, own, target == "game", seed) for seed in range(SEEDS)]
    judge(name, score, rows, place, drawn)
    if len(rows) < len(everything):
        print(f"  {len(everything) - len(rows)} rows whose item is in no train event are left out")
    if name in ("uiml", "defaults"):
        judge("popularity, overlapping users", dict.fromkeys(users, counts[:, 2].astype(float)), rows, place, drawn)
        judge("popularity, domain", dict.fromkeys(users, counts[:, 1].astype(float)), rows, place, drawn)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3])
