/** Carriers leave file descriptors to the log, the policy and the admin. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DescriptorReserve } from '../../broker/carrier/descriptor-reserve.ts';
import { listenUnix } from '../../broker/carrier/listen.ts';
import { RESERVED_DESCRIPTORS } from '../../broker/process/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

const reserve = suite('reserve of file descriptors');

const withNumber = (fd: number): Socket => ({ _handle: { fd } }) as unknown as Socket;

reserve('the highest numbers are not for carriers', () => {
  const { leaves } = { leaves: (fd: number) => new DescriptorReserve(1_024).leaves(withNumber(fd)) };
  assert.equal(
    [leaves(3), leaves(1_023 - RESERVED_DESCRIPTORS), leaves(1_024 - RESERVED_DESCRIPTORS)],
    [true, true, false],
  );
});

reserve('of a small limit a quarter is kept, and without a limit nothing', () => {
  assert.equal(
    [74, 75].map((fd) => new DescriptorReserve(100).leaves(withNumber(fd))),
    [true, false],
  );
  assert.is(new DescriptorReserve(Number.POSITIVE_INFINITY).leaves(withNumber(1_000_000)), true);
});

reserve('a socket whose descriptor is not shown is let in', () => {
  assert.is(new DescriptorReserve(100).leaves({} as Socket), true);
});

for (const [limit, isAccepted] of [
  [4, false],
  [1_000_000, true],
] as const) {
  reserve(
    `a VM that connects ${isAccepted ? 'with descriptors to spare is accepted' : 'into the reserve is turned away'}`,
    async () => {
      const directory = temporaryDirectory();
      const path = join(directory, 'vm.sock');
      let accepted = 0;
      const place = { path, domain: 'vm', tellsOfRestart: false, handedOver: null };
      const listener = await listenUnix(
        place,
        (carrier) => {
          accepted++;
          carrier.destroy();
        },
        new DescriptorReserve(limit),
      );
      const client = connect(path);
      client.on('error', () => undefined);
      await once(client, 'close');
      listener.close();
      assert.is(accepted, isAccepted ? 1 : 0);
    },
  );
}

reserve.run();
