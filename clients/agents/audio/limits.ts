/**
 * Every number that we chose for the audio clients, with unit and reason. The numbers of Qubes are in pcm.ts and
 * codes.ts.
 */

/**
 * Ring for what VMs play, bytes: shared by all of them in equal parts, so it is Argo's largest but a slot. 300 streams then
 * have 31 frames each, and a service that is held up for 300 ms makes nobody wait.
 */
export const PLAYBACK_RING_BYTES = 16 * 1024 * 1024 - 64;
/** Ring for control codes: a code occupies 32 bytes of it. */
export const CONTROL_RING_BYTES = 65_536;
/** Ring for what a VM hears: 9 frames of 10 ms, so that a VM that does not read is 90 ms behind and not more. */
export const CAPTURE_RING_BYTES = 16_384;
/** Ring for mixer commands and states. */
export const MIXER_RING_BYTES = 65_536;

/**
 * Playback of one VM that waits in the service, ms; past it the oldest is dropped. As long as a busy sound server takes to
 * make a stream; what waits longer than it should is made shorter without a click.
 */
export const PLAYBACK_QUEUE_MS = 500;
/**
 * What a sound server is asked to keep of a stream, ms, and the steps in which it asks for more: bears a service that is
 * held up for 30 ms. A lone sound is played at once all the same.
 *
 * PipeWire makes its cycle of it: half of what is beyond two steps, rounded down to a power of two at 48 kHz. With 42 that
 * is 10.7 ms, with 40 it would be 5.3 ms, and the processors of a virtual machine stand still for longer than that.
 */
export const PLAYBACK_BUFFER_MS = 42;
export const PLAYBACK_REQUEST_MS = 10;
/** How long a sound server may take to play a closed stream to its end, ms. */
export const DRAIN_LIMIT_MS = 2_000;
/** A message of a sound server: its own limit for samples is 16 MiB, a record fragment has 2 KiB. */
export const MAX_SOUND_MESSAGE_BYTES = 1_048_576;

/** Silence before each new sound, ms: at least this, so that a late timer of an idle machine is no gap; at most that. */
export const MIN_LEAD_MS = 8;
export const MAX_LEAD_MS = 120;
/**
 * Of the time between two bursts a sender may be late by this share before anything was measured. A program that is in a
 * hurry asks for short bursts, so this delays only what comes in long ones.
 */
export const LEAD_BURST_SHARE = 0.5;
/** Messages closer together than this are one burst, ms. */
export const BURST_GAP_MS = 4;
/** How late bursts were is remembered for so many windows of so long, ms: a hiccup is forgotten after half a minute. */
export const JITTER_WINDOW_MS = 5_000;
export const JITTER_WINDOWS = 6;
/** In silence a level that is too high is corrected after this long, ms: a sound often begins with more than its lead. */
export const LEVEL_WINDOW_MS = 1_000;
/** A level may be off by this much, ms, before it is corrected: less is the jitter of the measurement. */
export const LEVEL_TOLERANCE_MS = 5;
/** A burst that comes this long after all was played came too late; past it, it is another sound. */
export const GAP_MS = 250;

/**
 * How far ahead of the clock a recording may be, ms: after a stall of its host what piled up is written at once; a VM that
 * plays faster than time passes gets this much ahead once.
 */
export const RECORD_AHEAD_MS = 10_000;
/** Asked of the sound server, bytes: as qubes-gui-daemon's `-l`, fragsize 2048 (12 ms). */
export const CAPTURE_LATENCY_BYTES = 2_048;
/** From the last byte written to the last one heard, ms: tlength and the sink's own buffer. */
export const DRAIN_TAIL_MS = 100;
/** A corked stream stays in the sound server that long, so that a pause in a film costs no new stream. */
export const CORK_LINGER_MS = 10_000;
/** Between attempts to open a stream while the sound server is away. */
export const REOPEN_MS = 500;

/** Frames of capture that wait in the service or the agent; past it the oldest is dropped. */
export const CAPTURE_QUEUE_FRAMES = 20;
/** Capture frames on their way to one VM: two keep the flow going while an answer is under way. */
export const CAPTURE_IN_FLIGHT = 2;
/** How long a capture frame is worth waiting for room, ms. */
export const CAPTURE_DEADLINE_MS = 200;
/** Silence a reader of capture is kept ahead by, ms, before it gets the first samples: bears the jitter of one frame. */
export const CAPTURE_LEAD_MS = 20;

/** Sound that waits between a guest's sound server, which writes up to 46 ms at a time, and the agent, ms. */
export const INLET_QUEUE_MS = 100;
/** How far ahead of the clock an audio endpoint sends, ms: a guest's sound server may hand over 50 ms at a time. */
export const SEND_AHEAD_MS = 60;
/** Playback frames of an agent on their way; past it its source is not read. */
export const PLAYBACK_IN_FLIGHT = 8;
/** How long a playback frame waits for room before it is dropped, ms. */
export const PLAYBACK_DEADLINE_MS = 500;
/** Digital silence from a guest's sound server for this long: the stream is corked and no longer sent. */
export const SILENCE_CORK_MS = 2_000;

/** Between attempts to connect to a vchan on which no program listens: CONNECT_DELAY_MS of libvchan-socket. */
export const VCHAN_RETRY_MS = 100;
/** Playback that a program at a vchan has not read, bytes, past which it is dropped: a program that hangs holds no more. */
export const VCHAN_UNREAD_BYTES = 65_536;

/** How often the service asks whether a VM still has its capture ring. */
export const LIVENESS_MS = 2_000;
/** A VM that has never had a capture ring is gone after this long without a message, ms. */
export const IDLE_MS = 60_000;
/** Earlier starts of a VM's endpoint whose late messages are ignored. */
export const RETIRED_STARTS = 16;
/** VMs that one service keeps at a time; domids end at 32 751. */
export const MAX_VMS = 4_096;

/** 0 … 150 %, as qubes-gui-daemon's `-V`. */
export const MAX_VOLUME_PERCENT = 150;
/** A sink's name in a route. */
export const MAX_ROUTE_BYTES = 128;
/** Between looks at the file that names the AudioVM. */
export const AUDIO_VM_LOOK_MS = 500;
/** Between a change of the mixer and its being saved. */
export const SAVE_DELAY_MS = 200;
/** How long a mixer waits for an answer. */
export const MIXER_TIMEOUT_MS = 3_000;
