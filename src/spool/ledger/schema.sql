-- Version 1. Times are microseconds since 1970, UTC. Uptimes are microseconds since the machine was started.
-- kind: 0 utterance, 1 clip, 2 picture. wall: 0 known, 1 provisional, 2 uncertain. step: 0 recorded, 1 file uploaded, 2 row posted,
-- 3 sent. state: 0 waits for delivery, 1 waits for the clock to be set, 2 refused.
-- What the columns may hold is checked when a ledger is opened (quick_check): a card may have turned a bit.

CREATE TABLE owner (tag INTEGER PRIMARY KEY, home_id INTEGER NOT NULL, api TEXT NOT NULL) STRICT;

-- What is known of the clock in each start of the machine, the latest with the highest number.
CREATE TABLE boot (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    earliest_us INTEGER NOT NULL, -- true time less uptime is not less than this
    true_us INTEGER               -- true time less uptime, once it is known
) STRICT;

-- In which start of the machine a run recorded and for whom, and what it took for the true time less uptime.
CREATE TABLE run (uid BLOB PRIMARY KEY, boot INTEGER NOT NULL, offset_us INTEGER NOT NULL, owner INTEGER) STRICT, WITHOUT ROWID;

CREATE TABLE item (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 2),
    owner INTEGER CHECK (owner BETWEEN 0 AND 4294967295),
    uid BLOB NOT NULL CHECK (length(uid) = 16),
    number INTEGER NOT NULL,
    start_us INTEGER NOT NULL,
    end_us INTEGER NOT NULL,
    boot INTEGER NOT NULL,
    uptime_us INTEGER NOT NULL,
    wall INTEGER NOT NULL CHECK (wall BETWEEN 0 AND 2),
    track_id TEXT,
    file TEXT NOT NULL CHECK (file GLOB 'utterance_*.wav' OR file GLOB 'clip_*.mp4' OR file GLOB 'picture_*.jpg'),
    bytes INTEGER NOT NULL,
    step INTEGER NOT NULL CHECK (step BETWEEN 0 AND 3),
    row_unclear INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    answer TEXT,        -- of the API, if it has refused the item
    refused_us INTEGER,
    disk_bytes INTEGER AS ((bytes + 4095) / 4096 * 4096) VIRTUAL,
    state INTEGER AS (CASE WHEN refused_us IS NOT NULL THEN 2 WHEN wall = 1 THEN 1 ELSE 0 END) VIRTUAL
) STRICT;

-- Kept by the triggers, since counting 100,000 rows every second takes too long. Owner -1: it is not known.
CREATE TABLE total (
    owner INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    state INTEGER NOT NULL,
    items INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    disk_bytes INTEGER NOT NULL,
    PRIMARY KEY (owner, kind, state)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER item_comes AFTER INSERT ON item BEGIN
    INSERT INTO total VALUES (ifnull(NEW.owner, -1), NEW.kind, NEW.state, 1, NEW.bytes, NEW.disk_bytes)
    ON CONFLICT DO UPDATE SET
        items = items + 1, bytes = bytes + excluded.bytes, disk_bytes = disk_bytes + excluded.disk_bytes;
END;

CREATE TRIGGER item_goes AFTER DELETE ON item BEGIN
    UPDATE total SET items = items - 1, bytes = bytes - OLD.bytes, disk_bytes = disk_bytes - OLD.disk_bytes
    WHERE owner = ifnull(OLD.owner, -1) AND kind = OLD.kind AND state = OLD.state;
END;

CREATE TRIGGER item_changes AFTER UPDATE OF owner, wall, refused_us ON item BEGIN
    UPDATE total SET items = items - 1, bytes = bytes - OLD.bytes, disk_bytes = disk_bytes - OLD.disk_bytes
    WHERE owner = ifnull(OLD.owner, -1) AND kind = OLD.kind AND state = OLD.state;
    INSERT INTO total VALUES (ifnull(NEW.owner, -1), NEW.kind, NEW.state, 1, NEW.bytes, NEW.disk_bytes)
    ON CONFLICT DO UPDATE SET
        items = items + 1, bytes = bytes + excluded.bytes, disk_bytes = disk_bytes + excluded.disk_bytes;
END;

-- What was given up, or could not be kept, in all runs.
CREATE TABLE loss (kind INTEGER PRIMARY KEY, items INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;

-- epoch: another number when rows have changed that were there before. true_time_us: the latest time that was known to be true.
CREATE TABLE note (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- For people: `sqlite3 spool.db 'SELECT * FROM waiting'`.
CREATE VIEW items AS
SELECT
    item.id,
    CASE item.kind WHEN 0 THEN 'utterance' WHEN 1 THEN 'clip' ELSE 'picture' END AS kind,
    CASE item.state WHEN 1 THEN NULL ELSE strftime('%Y-%m-%d %H:%M:%S', item.start_us / 1000000, 'unixepoch') END AS start,
    (item.end_us - item.start_us) / 1e6 AS seconds,
    item.bytes,
    owner.home_id,
    owner.api,
    CASE item.step WHEN 0 THEN 'recorded' WHEN 1 THEN 'uploaded' WHEN 2 THEN 'row posted' ELSE 'sent' END AS step,
    CASE item.wall WHEN 0 THEN 'known' WHEN 1 THEN 'not yet known' ELSE 'uncertain' END AS time,
    item.attempts,
    item.answer,
    item.file,
    item.state
FROM item LEFT JOIN owner ON owner.tag = item.owner;

CREATE VIEW waiting AS
SELECT id, kind, start, seconds, bytes, home_id, api, step, time, attempts, file FROM items WHERE state != 2;

CREATE VIEW refused AS
SELECT id, kind, start, seconds, bytes, home_id, api, attempts, answer, file FROM items WHERE state = 2;

CREATE VIEW dropped AS
SELECT CASE kind WHEN 0 THEN 'utterance' WHEN 1 THEN 'clip' ELSE 'picture' END AS kind, items, bytes FROM loss;
