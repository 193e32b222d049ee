/** Status and close words: numbers are the ABI. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CloseCode, closeWord, Status, statusOf, statusWord } from '../../broker/wire/index.ts';

const words = suite('status words');

words('errno numbers are those of Linux and Xen', () => {
  const { OK, EPERM, ENOENT, EAGAIN, ENOMEM, EACCES, EBUSY, EEXIST, EINVAL, ENOSPC, EMSGSIZE, ECONNREFUSED } = Status;
  assert.equal(
    [OK, EPERM, ENOENT, EAGAIN, ENOMEM, EACCES, EBUSY, EEXIST, EINVAL, ENOSPC, EMSGSIZE, ECONNREFUSED],
    [0, 1, 2, 11, 12, 13, 16, 17, 22, 28, 90, 111],
  );
});

words('each number has one word, and an unknown one none', () => {
  for (const [word, code] of Object.entries(Status)) {
    assert.is(statusOf(code), code);
    assert.is(statusWord(code), word);
  }
  for (const [word, code] of Object.entries(CloseCode)) assert.is(closeWord(code), word);
  assert.is(statusOf(9_999), null);
  assert.is(closeWord(99), undefined);
  assert.is(closeWord(undefined), undefined);
});

words.run();
