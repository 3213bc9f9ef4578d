"""The evidence of a fleet: recorded sessions by the thousand as Parquet tables, and what can be asked of them.

`rows` makes the rows of one file, `engines` says who does it (processes, or a Ray cluster), `scan` keeps the tables,
`tables` asks and compares, `page` shows. A session needs nothing of another one, so the work splits by file.

## A thousand times more, on paper

Ten million tapes with ten billion events. Bytes and CPU are measured by `tests/bench/bench_fleet.py` over 10,000
tapes on two busy cores; what is marked ~ is reckoned and not measured.

* **Bytes.** A tape of 1,000 events has some 265 kB (input lines and effects included, sound apart): 2.7 TB to read. A
  tape's rows take about 1 kB in the tables (zstd), and more in the database: some 10 GB each.
* **Core-hours.** 10 us of CPU an event where ten others want the two cores, all processes included: 28 core-hours,
  ~26 minutes on 64 such cores. 2.7 TB in that time are ~1.7 GB/s: fine on object storage, on one disk the disk is the
  limit. Sound (`audio.wav`, 350 MB an hour of talk) is read too where it is there: then it is most of the bytes.
* **Shuffle.** None while reading: rows go from the worker to the scanning process, ~10 GB. At the end one process
  sorts every table by file, on disk beyond 256 MB: ~10 GB twice over a disk, ~10 minutes.
* **What breaks first.** (1) Listing and `stat` of ten million files by one process: ~100 s on a disk, ~an hour on a
  network file system; scan each day's folder into tables of its own. (2) The list of paths and stamps in memory, ~4
  GB at ten million: the same cure. (3) The single writer decodes each row once, 0.45 ms a tape: ~75 minutes, so from
  22 workers on it is the limit; more scans side by side, one a folder, and `read_parquet('*/turns.parquet')` over all.
  (4) One huge tape is read by one worker: an hour's talk of 300 events a second takes ~11 s, a day's ~4 minutes.
* **What does not.** Questions: DuckDB reads only the columns that are asked; 200 million turns of one column are ~1.6
  GB. What breaks before them is `compare`, which ranks every turn's wait in memory; compare a sample of sessions.
"""
