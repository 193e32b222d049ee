/** The directory of segments as the log needs it: an argument, so that tests can break it. node-files.ts has the real one. */

export interface SegmentInfo {
  /** 1-based; the file is `00000001.jsonl`. */
  readonly number: number;
  readonly bytes: number;
  /** Present when this is not a regular file: why it is not read (a link, a directory, a FIFO, …). */
  readonly fault?: string;
}

/** What reading a log takes. */
export interface AuditReader {
  /** By number, ascending. Throws ERR_AUDIT_DIRECTORY. */
  segments(): Promise<readonly SegmentInfo[]>;
  /** Up to `length` bytes; fewer at the end of the segment, none behind it. */
  read(segment: number, offset: number, length: number): Promise<Uint8Array>;
  /** Is there a live process that holds the lock? */
  hasWriter(): Promise<boolean>;
  /**
   * A whole text file of the directory that is not a segment; null if there is none or it is not a regular file.
   * @param tailBytes only so many of its last bytes
   */
  readBeside(name: string, tailBytes?: number): Promise<string | null>;
}

export interface AuditFiles extends AuditReader {
  /** Makes the directory (0700) or checks what is there. Throws ERR_AUDIT_DIRECTORY or ERR_AUDIT_MODE. */
  prepare(): Promise<void>;
  /** Throws ERR_AUDIT_LOCKED; the result unlocks. */
  lock(): Promise<() => Promise<void>>;
  /** A new, empty segment (0600) whose directory entry is on disk. Throws if there is one with this number. */
  create(segment: number): Promise<AuditFile>;
  /** An existing segment, to append to. */
  open(segment: number): Promise<AuditFile>;
  /**
   * Writes bytes of a segment once more, the same ones, and returns once they are on disk. After a failed sync the kernel
   * believes that they are written (Linux reports the error once and marks the pages clean), so a sync alone says nothing.
   */
  rewrite(segment: number, offset: number, bytes: Uint8Array): Promise<void>;
  /** Adds to a file that is not a segment (made with mode 0600); returns once it is on disk. */
  appendBeside(name: string, text: string): Promise<void>;
  /** Puts a file in place of the one before, whole or not at all. */
  replaceBeside(name: string, text: string): Promise<void>;
}

/** One segment, open for appending. */
export interface AuditFile {
  /** Appends at the end; resolves to the bytes written, which may be fewer. */
  append(bytes: Uint8Array): Promise<number>;
  /** Returns once everything appended is on disk. */
  datasync(): Promise<void>;
  /** Is the open file still the one that its path names? A deleted or replaced file takes writes without an error. */
  state(): Promise<{ readonly bytes: number; readonly inPlace: boolean }>;
  close(): Promise<void>;
}
