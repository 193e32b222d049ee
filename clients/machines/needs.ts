/** The programs that the machines need, with package names. Checked before anything is created. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { hasGuestPackages } from './image/packages.ts';

/** Directories of `ip` that an ordinary user's PATH lacks. */
const SYSTEM_DIRECTORIES = ['/usr/sbin', '/sbin'];

interface Need {
  readonly what: string;
  readonly isMet: () => boolean;
  /** The package per distribution. */
  readonly from: string;
}

const NEEDS: readonly Need[] = [
  {
    what: 'an x86-64 Linux, whose programs the guests share',
    isMet: () => process.platform === 'linux' && process.arch === 'x64',
    from: 'on other machines: inside a virtual machine or container of that kind',
  },
  {
    what: 'QEMU (qemu-system-x86_64)',
    isMet: () => hasProgram('qemu-system-x86_64'),
    from: 'Debian, Ubuntu: qemu-system-x86; Fedora: qemu-system-x86-core; Arch: qemu-system-x86; NixOS: qemu',
  },
  {
    what: 'perl and ip, for the guests',
    isMet: () => hasProgram('perl') && hasProgram('ip'),
    from: 'Debian, Ubuntu: perl-base iproute2; Fedora: perl-interpreter iproute; Arch: perl iproute2',
  },
  {
    what: "Debian's packages linux-image-cloud-amd64 and busybox-static, which are downloaded and not installed",
    isMet: hasGuestPackages,
    from: 'Debian 12 or newer: apt-get update; on other distributions: inside a Debian container or machine',
  },
];

/** One line per thing that is missing; empty where guests can be booted. */
export function missingForMachines(): string[] {
  return NEEDS.filter(({ isMet }) => !isMet()).map(({ what, from }) => `${what}\n    ${from}`);
}

function hasProgram(name: string): boolean {
  const directories = (process.env.PATH ?? '').split(delimiter).filter((directory) => directory !== '');
  return [...directories, ...SYSTEM_DIRECTORIES].some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return true;
    } catch {
      return false; // the next directory
    }
  });
}
