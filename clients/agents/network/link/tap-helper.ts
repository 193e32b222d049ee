/**
 * The program that opens a TAP device, because Node cannot: it has no ioctl, and TUNSETIFF is one.
 *
 * Perl, because `perl-base` is essential in Debian and its kin, so nothing has to be installed or downloaded, and it is
 * old, stable and small. (socat opens a TAP too, but joins frames on a stream without their lengths; vde_plug brings a
 * switch with it; the native add-ons are downloads.) Where the optional koffi loads, tap-calls.ts is used instead. It moves frames in the framing of QEMU's stream sockets between the
 * device and its standard input and output, as two processes, and knows nothing else.
 */

/** ARGV: device name, and 1 for a device that outlives this program. Prints one line to standard error once the device is there. Ends when its input does. */
export const TAP_HELPER = `
use strict; use warnings;
$SIG{PIPE} = 'DEFAULT';
open(my $tap, '+<', '/dev/net/tun') or die "cannot open /dev/net/tun: $!\\n";
# TUNSETIFF, struct ifreq: name, then IFF_TAP | IFF_NO_PI
ioctl($tap, 0x400454ca, pack('a16 S x22', $ARGV[0], 0x1002)) or die "cannot attach to TAP device $ARGV[0]: $!\\n";
# TUNSETOFFLOAD: a program before this one may have left the device with segments, which this one does not know
ioctl($tap, 0x400454d0, 0);
# TUNSETPERSIST: the device stays, without carrier, when its last program has gone
ioctl($tap, 0x400454cb, 1) or die "cannot keep TAP device $ARGV[0]: $!\\n" if $ARGV[1];
syswrite(STDERR, "ready\\n");
defined(my $child = fork()) or die "cannot fork: $!\\n";
if ($child == 0) {
  my $parent = getppid();
  my $buffer = '';
  while (sysread(STDIN, $buffer, 262144, length $buffer)) {
    my $at = 0;
    while (length($buffer) - $at >= 4) {
      my $length = unpack('N', substr($buffer, $at, 4));
      last if length($buffer) - $at < 4 + $length;
      # A device that is down refuses (EIO): the frame is lost, as on a cable that is not plugged in.
      syswrite($tap, substr($buffer, $at + 4, $length));
      $at += 4 + $length;
    }
    substr($buffer, 0, $at, '') if $at;
  }
  kill('TERM', $parent);
  exit 0;
}
while (my $length = sysread($tap, my $frame, 65536)) {
  my $data = pack('N', $length) . $frame;
  my $at = 0;
  while ($at < length $data) {
    my $written = syswrite(STDOUT, $data, length($data) - $at, $at);
    last unless defined $written;
    $at += $written;
  }
}
kill('TERM', $child);
`;
