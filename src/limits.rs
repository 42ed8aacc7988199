//! Every bound, with its unit in the name and its reason beside it. PURE.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Sound is recorded at this rate: what the API's speech recognition works in, and the earlier client's rate.
pub const SAMPLE_RATE_HZ: u32 = 16_000;

/// Energy is measured over windows of 10 ms: short enough to find the edge of a word, long enough for one pitch period.
pub const WINDOW_SAMPLES: usize = SAMPLE_RATE_HZ as usize / 100;

/// Sound is read from its source in pieces of 20 ms at least: 50 wake-ups a second at most, and a decision at most 20 ms
/// late.
pub const CHUNK_SAMPLES: usize = SAMPLE_RATE_HZ as usize / 50;

/// With a fixed threshold, people may speak below it for this long before that is said: five minutes, in which the
/// detector has heard half a minute of them. A television in passing is less.
pub const OVERHEARD_SAMPLES: u64 = 300 * SAMPLE_RATE_HZ as u64;
/// See [`OVERHEARD_SAMPLES`].
pub const VOICES_SAMPLES: u64 = 30 * SAMPLE_RATE_HZ as u64;

/// And of 100 ms while nothing can be decided sooner: ten wake-ups a second, and of the half second that waits in the
/// driver while the machine is busy most is left.
pub const LONGEST_CHUNK_SAMPLES: usize = SAMPLE_RATE_HZ as usize / 10;

/// Speech is noticed within this of its first sound.
pub const SPEECH_NOTICED_MS: u32 = 150;

/// A `listener.toml` with every setting and a comment on each is a few KiB; a stick may hold anything.
pub const MAX_CONFIG_BYTES: u64 = 64 * 1024;

/// Names at the top of a stick that are looked at: FAT holds 512 there, and thousands are read in a moment.
pub const MAX_TOP_ENTRIES: usize = 10_000;

/// Looking at a stick: one that spins up or is full takes a second or two, and a person waits at the LEDs.
pub const STICK_READ_PATIENCE: Duration = Duration::from_secs(5);

/// Looking at the boot partition: nobody pulls it out, and while the system starts everything reads from the same card. 14 s were
/// seen on an emulated Pi.
pub const BOOT_READ_PATIENCE: Duration = Duration::from_secs(30);

/// Leaving the answer on it; both together stay under the ten seconds in which a person is to see something.
pub const STICK_WRITE_PATIENCE: Duration = Duration::from_secs(4);

/// So many things to put right are told at once: whoever has put them right asks again.
pub const TOLD_PROBLEMS: usize = 30;

/// A line of an answer is cut at this length: nothing that a person has written as it should be is longer.
pub const TOLD_LINE_CHARS: usize = 400;

/// The longest name of a wireless network (IEEE 802.11, "SSID element").
pub const MAX_SSID_BYTES: usize = 32;

/// A passphrase of WPA (IEEE 802.11, annex J.4).
pub const WIFI_PASSWORD_CHARS: RangeInclusive<usize> = 8..=63;

/// The BCM numbers on the header of a Raspberry Pi, but 0 and 1, which are for the memory of a HAT (Raspberry Pi
/// documentation, "GPIO and the 40-pin header").
pub const GPIO_PINS: RangeInclusive<u32> = 2..=27;

/// A machine that was just started has network and the time within half a minute, as a rule.
pub const CLOCK_PATIENCE: Duration = Duration::from_secs(60);

/// The longest utterance that may be configured. Ten minutes of 16 kHz 16-bit sound are 19 MB of memory.
pub const MAX_TIMEOUT_MS: u32 = 600_000;

/// Homes are rows of a database that counts them in signed 32 bits, from 1.
pub const HOME_ID: RangeInclusive<u32> = 1..=i32::MAX as u32;

/// The RMS of 16-bit samples: 0 would hear silence as speech, more than the loudest sample would hear nothing.
pub const ENERGY_THRESHOLD: RangeInclusive<f32> = 1.0..=i16::MAX as f32;

/// The longest an utterance may be. Under a second is seconds mistaken for milliseconds.
pub const TIMEOUT_MS: RangeInclusive<u32> = 1_000..=MAX_TIMEOUT_MS;

/// Quiet that ends an utterance: shorter stops within words, longer keeps the speaker waiting for the answer.
pub const PAUSE_MS: RangeInclusive<u32> = 200..=5_000;

/// Kept from before the first loud window: two seconds hold any soft beginning.
pub const LEAD_IN_MS: RangeInclusive<u32> = 0..=2_000;

/// Least loud sound: one window at least, and no more than a short word in a noisy room.
pub const SHORTEST_MS: RangeInclusive<u32> = 10..=2_000;

/// From the smallest pictures that cameras give to what the hardware encoder takes (1080p).
pub const WIDTH_PX: RangeInclusive<u32> = 160..=1_920;

/// The other side of [`WIDTH_PX`].
pub const HEIGHT_PX: RangeInclusive<u32> = 120..=1_080;

/// The widest picture that the Pi's H.264 encoder takes.
pub const HARDWARE_WIDTH_PX: u32 = 1_920;

/// The highest one.
pub const HARDWARE_HEIGHT_PX: u32 = 1_080;

/// 1920x1080 at 30, and the most that level 4 of H.264 holds (ITU-T H.264, table A-1): all that the Pi's encoder does,
/// and more than its processor can do in software.
pub const HARDWARE_MACROBLOCKS_PER_S: u32 = 245_760;

/// H.264 encodes in blocks of 16x16 pixels.
pub const fn macroblocks_per_s(width_px: u32, height_px: u32, frame_rate_hz: u32) -> u32 {
    width_px.div_ceil(16) * height_px.div_ceil(16) * frame_rate_hz
}

/// What cameras give; [`PICTURE_CLOCK_WANDER`] relies on the 60.
pub const FRAME_RATE_HZ: RangeInclusive<u32> = 1..=60;

/// Pictures are looked for by the minute (api-contract, "What the consumers need" 5): at least one in each.
pub const FRAME_INTERVAL_S: RangeInclusive<u32> = 1..=SECONDS_PER_MINUTE;

/// A time stamp from the microphone may be this far from what the sample count says before it is believed to be a
/// gap or a stepped clock; below it is scheduling noise, and the sample count is the better clock.
pub const SOUND_CLOCK_STEP: Duration = Duration::from_millis(100);

/// The wall clock may wander this far from the camera's running time before the time line follows it.
/// Less than the 16.7 ms between frames at 60 a second, so that frames never change order.
pub const PICTURE_CLOCK_WANDER: Duration = Duration::from_millis(10);

/// A change of the wall clock beyond this is a step (a person, or the first synchronisation): the clip ends there.
pub const CLOCK_STEP: Duration = Duration::from_millis(500);

/// Clips must not cross a minute (api-contract, "What the consumers need" 5), so their length divides it.
pub const SECONDS_PER_MINUTE: u32 = 60;

/// What is recorded and waits to be written: about a minute of pictures while a card stalls, 64 MB at the very most.
pub const RECORDINGS_IN_FLIGHT: usize = 64;

/// Events on their way to the status line. Level reports are dropped when nobody reads, nothing else is.
pub const EVENTS_IN_FLIGHT: usize = 1024;

/// What recordings may take of a disk unless it is said: half of it, since others write to it, too.
pub const DEFAULT_BUDGET_SHARE: u64 = 2;

/// And no more than this, however large it is: about three days of clips and pictures at 640x480.
pub const DEFAULT_BUDGET_BYTES: u64 = 32 << 30;

/// A budget smaller than this holds no minute of clips.
pub const LEAST_BUDGET_BYTES: u64 = 64_000_000;

/// Files take whole blocks: 4 KiB on every file system in use.
pub const DISK_BLOCK_BYTES: u64 = 4096;

/// Below this much free space no picture is kept: deliveries have to write their progress to make room at all.
pub const PICTURE_RESERVE_BYTES: u64 = 24 << 20;

/// Below this much no clip is kept either.
pub const CLIP_RESERVE_BYTES: u64 = 16 << 20;

/// Below this much even speech is refused; what is left holds the rows of items being delivered.
pub const SPEECH_RESERVE_BYTES: u64 = 2 << 20;

/// TCP counts ports in 16 bits; 0 is none.
pub const PORT: RangeInclusive<u32> = 1..=u16::MAX as u32;

/// Someone who has spoken waits for an answer this long, and is answered before those who gave up waiting.
pub const FRESH_SPEECH: Duration = Duration::from_secs(60);

/// How long capture waits for a ledger that somebody has locked: upload has it for some milliseconds at a time, and a person's
/// shell must not hold up what is recorded.
pub const LEDGER_PATIENCE: Duration = Duration::from_secs(1);

/// How long upload waits for capture to have done with the ledger: to place a day's pictures in time takes seconds.
pub const OTHER_SIDE_PATIENCE: Duration = Duration::from_secs(30);

/// Items that are given up in one transaction: it must not hold up the other side for long.
pub const GIVEN_UP_AT_ONCE: usize = 256;

/// Delivered pictures whose rows are removed in one transaction: one each would write some 8 KB to the card.
pub const FINISHED_AT_ONCE: usize = 256;

/// How long the row of a delivered picture stays at most: after a power cut it is sent again.
pub const FINISH_LATE: Duration = Duration::from_secs(5);

/// What is being recorded is made durable this often. With [`SPEECH_PIECE_SAMPLES`] and [`FRAGMENT`] a power cut loses less than a
/// second of it; each time costs the card some 20 KB.
pub const SYNC_INTERVAL: Duration = Duration::from_millis(500);

/// What is being said is written in pieces of this length: a quarter of a second.
pub const SPEECH_PIECE_SAMPLES: usize = SAMPLE_RATE_HZ as usize / 4;

/// Room on the disk is reserved for a clip in steps of this size, a little less than a clip of 20 s takes at 2 Mbit/s.
pub const CLIP_RESERVED_BYTES: u64 = 4 << 20;

/// Room on the disk is reserved for what is being said: half a minute.
pub const SPEECH_RESERVED_BYTES: u64 = 1 << 20;

/// A clip is written in fragments of this length: of one that is cut short, whole fragments can be played.
pub const FRAGMENT: Duration = Duration::from_millis(200);

/// That the clock is right is remembered this often: after a power cut without network, recordings are known to be
/// later than that. 144 small writes a day.
pub const GOOD_TIME_INTERVAL: Duration = Duration::from_secs(600);

/// Minutes of speech whose clips go before pictures: a day of them, 20 kB of memory.
pub const LINKED_MINUTES: usize = 24 * 60;

/// Connecting to the API: a server further away than ten seconds is not reachable.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// One answer of the API. Its own storage being down answers after up to 10 s (api-contract, upload_file).
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// An upload may be as slow as this before it is given up and tried again: a poor mobile uplink.
pub const SLOWEST_UPLOAD_BYTES_PER_S: u64 = 16 << 10;

/// Pictures that wait go over this many connections at once: while one waits for an answer, the others send. More gain
/// nothing on loopback, and a server with a few workers has others to serve.
pub const PICTURE_CONNECTIONS: usize = 4;

/// After so long it is looked whether something else is due, such as another storage mode.
pub const PICTURE_BURST: Duration = Duration::from_secs(10);

/// A file up to this length is read into memory and sent from there: pictures and utterances.
pub const SENT_FROM_MEMORY_BYTES: u64 = 1 << 20;

/// A file longer than this goes to S3 in parts of this length: one is held in memory, and 10,000 of them, the most that
/// S3 takes, are 80 GB (Amazon S3 User Guide, "Multipart upload limits"; a part has at least 5 MB).
pub const S3_PART_BYTES: u64 = 8 << 20;

/// An SSH connection without anything to send is kept this long: pictures come every second, and a handshake costs a Pi
/// a good part of one.
pub const SSH_KEPT_OPEN: Duration = Duration::from_secs(90);

/// A server that asks to be left alone is asked again after an hour at most, even if it names a day.
pub const RETRY_AFTER_MOST: Duration = Duration::from_secs(3600);

/// The first wait after a failure; doubled with each further one.
pub const BACKOFF_FIRST: Duration = Duration::from_secs(1);

/// The longest wait between two tries: a minute, so that a box is back soon after its network.
pub const BACKOFF_MOST: Duration = Duration::from_secs(60);

/// An item that fails by itself is tried again after an hour at most: what is wrong with it is put right by a person.
pub const ALONE_MOST: Duration = Duration::from_secs(3600);

/// An item that fails while items of other kinds do is tried again after this long: no item is to blame.
pub const OUTAGE_WAIT: Duration = Duration::from_secs(60);

/// So many different items that fail in a row are no accident: it is the way to the server, or the server.
pub const DIFFERENT_ITEMS: usize = 3;

/// An item that has failed this often by itself becomes a fault: half a minute after its first failure.
pub const TROUBLE_TOLD_AFTER: u32 = 5;

/// A refusal stays a fault for this long.
pub const REFUSAL_TOLD: Duration = Duration::from_secs(24 * 3600);

/// A server that asks to be left alone, and does not say for how long.
pub const BUSY_WAIT: Duration = Duration::from_secs(30);

/// Deliveries that others overtook, or whose progress could not be recorded, go on where they were: the last of them.
pub const PAUSED_DELIVERIES: usize = 16;

/// A refused token or an unknown home needs a person: ask again once a minute.
pub const REFUSED_RETRY: Duration = Duration::from_secs(60);

/// The storage solution can be changed on the server; it is asked for again this often.
pub const STORAGE_SOLUTION_REFRESH: Duration = Duration::from_secs(300);

/// `list_files` compares with the server's clock. Rows are looked for from an hour before the item, so that clocks
/// an hour apart still find them; a day's rows would be some megabytes an answer.
pub const ROW_SEARCH_MARGIN: Duration = Duration::from_secs(3600);

/// A row whose answer never came may still be on its way into the server's books: it is looked for only after this long.
/// Longer than a server needs for a row (3 s after a cut connection were seen), short enough for the speaker who waits.
pub const ROW_SETTLE: Duration = Duration::from_secs(5);

/// And once more this long after everything was sent: behind a locked table a row was seen to come after 80 s.
pub const ROW_LATE: Duration = Duration::from_secs(120);

/// Any other answer of the API is a row, a word or a page: more is not read.
pub const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// The answer of `list_files` that is read at most: over 400,000 rows. It is read as a stream, and most rows are forgotten.
pub const MAX_LIST_BYTES: u64 = 256 << 20;

/// How much of an unexpected answer is shown or kept.
pub const SHOWN_ANSWER_CHARS: usize = 200;

/// Strings in rows and tasks (api-contract: 100 characters).
pub const MAX_API_STRING_CHARS: usize = 100;

/// A microphone or camera that is missing is looked for this often: soon for a person who has just plugged it in,
/// rare enough to cost nothing.
pub const DEVICE_RETRY: Duration = Duration::from_secs(2);

/// A pipe whose writer has still to start is waited for this long.
pub const FILE_LOOK: Duration = Duration::from_secs(30);

/// A file of which nothing is read and nothing comes for this long, though all that came was taken, gives nothing more. A card
/// that is busy pauses for less.
pub const FILE_STALL: Duration = Duration::from_secs(8);

/// decodebin may lose what a file begins with, or that it cannot be played: once in some hundred times, more often on a busy
/// machine.
pub const FILE_TRIES: u32 = 6;

/// A file of which nothing is read for this long while it is opened is opened again.
pub const FILE_SILENT: Duration = Duration::from_secs(1);

/// Samples a second of a file's sound: speech cannot be made out below, and no converter reaches more. A resampler's tables
/// grow with the rate.
pub const FILE_RATE_HZ: RangeInclusive<i32> = 1_000..=768_000;

/// What GStreamer handles of sound's channels.
pub const FILE_CHANNELS: RangeInclusive<i32> = 1..=64;

/// Either side of a film's pictures: a frame of the largest takes 100 MB.
pub const FILE_PICTURE_PX: RangeInclusive<i32> = 1..=8_192;

/// No sound for this long from an open microphone means that it hangs.
pub const SOUND_STALL: Duration = Duration::from_secs(5);

/// Sound that is lost again and again on an overloaded machine is said this often: the journal of a box that runs for
/// months stays small.
pub const LOSS_LOG_INTERVAL: Duration = Duration::from_secs(60);

/// A thread that was not heard of for this long hangs, and the program is started again: every stall of a device is
/// noticed by itself long before, and a card that was busy for two minutes has failed.
pub const STAGE_HANG: Duration = Duration::from_secs(120);

/// The service manager and the indicator hear of a stage this often, and a source of frames tells of itself.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);

/// No frame for this long from an open camera means that it hangs.
pub const PICTURE_STALL: Duration = Duration::from_secs(5);

/// A camera that has just been switched on sets its exposure and its colours for about this long.
pub const CAMERA_SETTLE: Duration = Duration::from_secs(1);

/// Frames going into an encoder and none coming out for this long means that it has stalled: 90 frames at most, where
/// the encoder holds a handful.
pub const ENCODER_STALL: Duration = Duration::from_secs(3);

/// A pipeline that ran for this long was well: what stops it then is no part of the trouble before.
pub const ENCODER_STEADY: Duration = Duration::from_secs(600);

/// So many frames of a camera in a row without an end are no accident: it never sends one. Some seconds' worth.
pub const ENDLESS_FRAMES: u32 = 90;

/// From an encoder that is only the second best, or none, the best is tried again after this long: it costs some seconds of pictures
/// where it fails again, 1 % of them.
pub const PREFERRED_RETRY: Duration = Duration::from_secs(600);

/// What a clip's frames may hold of memory while the card is slow: three seconds of 1080p.
pub const CLIP_UNWRITTEN_BYTES: u64 = 4 << 20;

/// Closing a clip writes its index; a card that takes longer than this has failed.
pub const CLIP_CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// After the last recording, what waits is delivered for this long before the program leaves the rest for next time.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Closing what is open at the end of a run: a stalled source is noticed in five seconds, a clip closed in ten.
pub const FINISH_TIMEOUT: Duration = Duration::from_secs(15);

/// A request under way when the program is told to stop may take this long to end; systemd kills after 90 s.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// `status.json` is written this often: often enough for a person who looks, 17,000 small writes a day.
pub const STATUS_FILE_INTERVAL: Duration = Duration::from_secs(5);

/// The status line is redrawn, and stop signals are looked at, this often.
pub const STATUS_TICK: Duration = Duration::from_millis(200);

/// A text in a report to the indicator is cut here: longer than any message of ours, and what a server says is cut before.
pub const REPORTED_TEXT_CHARS: usize = 400;

/// A report to the indicator: a text for each part and one more, none of whose letters JSON writes with more than six
/// bytes, and counters. Far less than the 200 KiB that Linux lets a datagram have (net.core.wmem_default).
pub const MAX_REPORT_BYTES: usize = 32 << 10;

/// A stage reports once a second at least: one that was silent for ten does not run, or hangs.
pub const STAGE_SILENT: Duration = Duration::from_secs(10);

/// A stage that has not been heard a minute after it had a reason to start will not start: a Pi needs half of that.
pub const STAGE_START: Duration = Duration::from_secs(60);

/// A stage that is started once more than so often...
pub const RESTARTS_BORNE: usize = 2;

/// ...within this time is not cured by starting it again.
pub const RESTART_WINDOW: Duration = Duration::from_secs(300);

/// What was wrong with a provisioning file or an update is shown this long: enough to find the card that explains it.
pub const ANSWER_SHOWN: Duration = Duration::from_secs(600);

/// An update is said to be written this long at most, should its end never be told: the service that writes one is given up
/// after 30 minutes (appliance-update@.service), and then has 90 s to say so.
pub const UPDATE_LONGEST: Duration = Duration::from_secs(32 * 60);

/// That a provisioning file was taken is shown this long: its three flashes, and a pause that ends them.
pub const TAKEN_SHOWN: Duration = Duration::from_secs(2);

/// A status this old was left behind: one is written every five seconds.
pub const STATUS_OLD: Duration = Duration::from_secs(15);

/// `listener status --watch` looks this often: soon enough for someone who plugs things in and out beside it.
pub const STATUS_WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// LEDs that cannot be had are looked for this often: udev may be late, and on a laptop there never are any.
pub const PINS_RETRY: Duration = Duration::from_secs(2);

/// A check hears this much: time for a word of whoever runs it, and soon over.
pub const CHECK_HEARS_S: usize = 3;

/// A meter's line is redrawn this often: it is to move with the voice.
pub const METER_LINES_PER_S: u64 = 10;

/// A plot is drawn with as many columns at most as it has pixels beside each other.
pub const PLOT_COLUMNS: usize = 1_600;

const _: () = {
    assert!(STICK_READ_PATIENCE.as_secs() + STICK_WRITE_PATIENCE.as_secs() < 10);
    assert!(*TIMEOUT_MS.start() < *TIMEOUT_MS.end());
    assert!(CHUNK_SAMPLES.is_multiple_of(WINDOW_SAMPLES));
    assert!(LONGEST_CHUNK_SAMPLES + WINDOW_SAMPLES <= SPEECH_NOTICED_MS as usize * SAMPLE_RATE_HZ as usize / 1000);
    assert!(SPEECH_RESERVE_BYTES < CLIP_RESERVE_BYTES && CLIP_RESERVE_BYTES < PICTURE_RESERVE_BYTES);
    assert!(ENCODER_STALL.as_secs() < PICTURE_STALL.as_secs());
    assert!(macroblocks_per_s(1_920, 1_080, 30) <= HARDWARE_MACROBLOCKS_PER_S);
    assert!(PICTURE_CLOCK_WANDER.as_nanos() < 1_000_000_000 / 60);
    assert!(FINISH_TIMEOUT.as_secs() >= SOUND_STALL.as_secs() + CLIP_CLOSE_TIMEOUT.as_secs());
    assert!(BACKOFF_FIRST.as_millis() < BACKOFF_MOST.as_millis());
};
