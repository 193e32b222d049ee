/** The reason of a failure in words for an operator, where the system would say `ENOENT: no such file or directory, open …`. */

/** Error codes of the system, and what each means to an operator. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such file or directory'],
  ['EACCES', 'this user may not use it; check its owner and mode'],
  ['EPERM', 'this user may not do that'],
  ['ENOTDIR', 'a part of the path is not a directory'],
  ['EISDIR', 'it is a directory'],
  ['EEXIST', 'it exists already'],
  ['ENOTEMPTY', 'the directory is not empty'],
  ['ELOOP', 'too many symbolic links'],
  ['ENAMETOOLONG', 'the path is too long'],
  ['ENOSPC', 'the disk is full'],
  ['EDQUOT', 'the disk quota is used up'],
  ['EROFS', 'the file system is read-only'],
  ['EIO', 'the disk or device reports an error'],
  ['EMFILE', 'this process has too many open files'],
  ['EADDRINUSE', 'something else listens there'],
  ['EADDRNOTAVAIL', 'the address is not one of this machine'],
  ['ECONNREFUSED', 'nothing listens there'],
  ['ECONNRESET', 'the other end hung up'],
  ['EPIPE', 'the other end hung up'],
  ['EHOSTUNREACH', 'there is no route to it'],
  ['ENETUNREACH', 'there is no route to it'],
  ['ETIMEDOUT', 'it did not answer in time'],
  ['ENOTFOUND', 'the host name is not known'],
  ['EAI_AGAIN', 'the host name cannot be looked up now'],
  ['EBUSY', 'it is in use'],
]);

/** The text after the colon of a message. The message names the path already; the text of Node would repeat it. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (typeof code !== 'string' || typeof syscall !== 'string') return error.message;
  const words = WORDS.get(code);
  return words === undefined ? code : `${words} (${code})`;
}
