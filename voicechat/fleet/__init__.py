"""The evidence of a fleet: recorded sessions by the thousand as Parquet tables, and what can be asked of them.

`rows` makes the rows of one file, `engines` says who does it (processes, or a Ray cluster), `scan` keeps the tables,
`tables` asks and compares, `page` shows. A session needs nothing of another one, so the work splits by file.

GPT-Live's own events make no turns here yet: a tape has them as they came, and only local events time them.

## A thousand times more, on paper

Ten million tapes with ten billion events. The figures are those of `tests/bench/bench_fleet.py` times a thousand.

* **Bytes.** A tape of 1,000 events has some 270 kB (input lines and effects included, sound apart): 2.7 TB to read. A
  tape's rows take about 900 bytes in the tables (zstd), and as much again in the segments: 2 x 9 GB to keep.
* **Core-hours.** 10 to 30 us an event, by how busy the cores are: 28 to 83 core-hours, an hour on 64 cores. 2.7 TB in
  an hour are 750 MB/s: on object storage fine, on one disk the disk is the limit. Sound (`audio.wav`, 350 MB an hour
  of talk) is read too where it is there: then it is most of the bytes and should stay where it was recorded.
* **Shuffle.** None while reading: rows go from the worker to the scanning process, 9 GB in an hour. At the end one
  process sorts every table by file, on disk beyond 256 MB: 9 GB twice over a disk, some ten minutes.
* **What breaks first.** (1) Listing and `stat` of ten million files by one process: 100 s on a disk, an hour on a
  network file system; scan each day's folder into tables of its own. (2) The list of paths and stamps in memory, 4 GB
  at ten million: the same cure. (3) The single writer decodes each row once, about 1 ms a tape: three hours, so from
  20 workers on it is the limit; more scans side by side, one a folder, and `read_parquet('*/turns.parquet')` over
  all. (4) One huge tape is read by one worker: an hour's talk of 300 events a second takes 20 s, a day's some
  minutes.
* **What does not.** Questions: DuckDB reads only the columns that are asked; 200 million turns of one column are 1.6
  GB. `compare` draws 400 times from every turn: minutes at 200 million, sample the sessions first.
"""
