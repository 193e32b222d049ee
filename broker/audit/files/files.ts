/** The directory of segments, as an interface, so that tests can inject faults. node-files.ts implements it. */

export interface SegmentInfo {
  /** 1-based; the file is `00000001.jsonl`. */
  readonly number: number;
  readonly bytes: number;
  /** Bytes on disk, where they are fewer than `bytes` because the segment is compressed. */
  readonly stored?: number;
  /** Present when this cannot be read: it is a link, a directory, a FIFO, …, or a damaged compressed file. */
  readonly fault?: string;
}

/** The operations that reading a log needs. */
export interface AuditReader {
  /** By number, ascending. Throws ERR_AUDIT_DIRECTORY. */
  segments(): Promise<readonly SegmentInfo[]>;
  /**
   * Up to `length` bytes: fewer at the end of the segment, none after it.
   *
   * @param into memory for at least `length` bytes, which the result may be a view of. Default: memory of its own
   */
  read(segment: number, offset: number, length: number, into?: Uint8Array): Promise<Uint8Array>;
  /** Is there a live process that holds the lock? */
  hasWriter(): Promise<boolean>;
  /**
   * A text file of the directory that is not a segment. Null if it is missing or not a regular file.
   * @param tailBytes read only this many bytes from its end; default: the whole file
   */
  readBeside(name: string, tailBytes?: number): Promise<string | null>;
}

export interface AuditFiles extends AuditReader {
  /** Makes the directory (0700) or checks the existing one. Throws ERR_AUDIT_DIRECTORY or ERR_AUDIT_MODE. */
  prepare(): Promise<void>;
  /** Throws ERR_AUDIT_LOCKED; the result unlocks. */
  lock(): Promise<() => Promise<void>>;
  /** A new, empty segment (0600) whose directory entry is on disk. Throws if the number is taken. */
  create(segment: number): Promise<AuditFile>;
  /** An existing segment, to append to. */
  open(segment: number): Promise<AuditFile>;
  /**
   * Writes the same bytes of a segment again, and returns once they are on disk. After a failed sync the kernel treats
   * them as written (Linux reports the error once and marks the pages clean), so another sync alone proves nothing.
   */
  rewrite(segment: number, offset: number, bytes: Uint8Array): Promise<void>;
  /** Adds to a file that is not a segment (made with mode 0600); returns once it is on disk. */
  appendBeside(name: string, text: string): Promise<void>;
  /** Replaces a file, completely or not at all; returns once it is on disk. */
  replaceBeside(name: string, text: string): Promise<void>;
  /**
   * Replaces a segment by a compressed file with the same content, which is read back first. Its bytes and their places
   * stay the same for all readers.
   */
  compress(segment: number): Promise<void>;
  /** Removes segments; returns once their directory entries are gone from the disk. */
  remove(segments: readonly number[]): Promise<void>;
  /** The file system of the log, in bytes. */
  space(): Promise<{ readonly free: number; readonly size: number }>;
}

/** One segment, open for appending. */
export interface AuditFile {
  /** Appends at the end; resolves to the bytes written, which may be fewer. */
  append(bytes: Uint8Array): Promise<number>;
  /** Returns once everything appended is on disk. */
  datasync(): Promise<void>;
  /** Is the open file still the one at its path? Writes to a deleted or replaced file cause no error. */
  state(): Promise<{ readonly bytes: number; readonly inPlace: boolean }>;
  close(): Promise<void>;
}
