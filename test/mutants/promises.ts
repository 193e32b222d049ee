/**
 * What the project promises, by name, each with the document that says so and a piece of its text. The test of the table
 * looks each piece up: a promise that is reworded or withdrawn has to be looked at here too.
 */
export const PROMISES = {
  // SECURITY.md, attacks and defences
  'no permission, no message': ['SECURITY.md', '*Send without permission'],
  'no spoofed source': ['SECURITY.md', '*Spoof a source.*'],
  'no input breaks the parser': ['SECURITY.md', '*Break the parser.*'],
  'memory is bounded': ['SECURITY.md', '*Exhaust memory.*'],
  'the log cannot be flooded': ['SECURITY.md', '*Flood the log.*'],
  'nobody starves others': ['SECURITY.md', '*Starve others.*'],
  'credit is only for what was delivered': ['SECURITY.md', '*Lie about the messages it consumed.*'],
  'reconnecting is paced': ['SECURITY.md', '*Reconnect in a loop.*'],
  'a VMM is its own guest only': ['SECURITY.md', '**A VMM**'],
  'a guest harms its own device only': ['SECURITY.md', '**In a guest behind a device**'],
  'nothing in the memory of one domain has a name in another': [
    'SECURITY.md',
    'nothing in the memory of one domain has a name in another',
  ],
  'a carrier reads and changes nothing': ['SECURITY.md', '**The carrier**'],
  'a credential is worth nothing without its key': ['SECURITY.md', '**A stolen credential**'],
  'a stolen key can be revoked': ['SECURITY.md', 'Revocation ends open sessions at once'],
  'a changed log is noticed': ['SECURITY.md', '**The disk of the log**'],
  'policy files are the operator’s': ['SECURITY.md', '**The policy directory**'],
  // SECURITY.md, fail closed
  'a policy that does not load is not used': ['SECURITY.md', 'A policy that does not load is not used'],
  'a hook that fails is a denial': ['SECURITY.md', 'A hook that fails is a denial'],
  'without a log nothing passes': ['SECURITY.md', 'If the log cannot be written, sends stop'],
  'a worn-out key opens nothing': ['SECURITY.md', 'A key past its hard limits opens nothing'],
  'an expired credential ends its session': ['SECURITY.md', 'expired'],
  // Other documents
  'a denial is on disk first': ['README.md', 'A denial is on disk before the denied VM hears of it'],
  'a witness finds a rollback': ['docs/audit.md', 'cosigns a newer one only if it extends that one'],
  'a strict record is on disk first': ['docs/audit.md', 'which is on disk before the receiver gets the message'],
  'only a permit opens a ring': ['docs/policy.md', 'permit'],
  'rows mean what they say': ['docs/policy.md', 'F-003'],
  'assertions bind every policy': ['docs/policy.md', 'assertions.csv'],
  'little is out of reach': ['docs/policy.md', 'What was sealed before cannot be called back, and it is bounded'],
  'a policy change takes back': ['docs/broker.md', 'revoked'],
  'no edit is lost': ['docs/policy.md', 'ERR_BROKER_TOKEN'],
  'only signed policies count': ['docs/policy.md', 'A broker can accept only policies that an admin has signed'],
  'an older policy does not come back': ['docs/policy.md', '**The highest version is remembered**'],
  'a NATS server only withholds policies': ['docs/policy.md', 'It can withhold a bundle'],
  'a broker’s row is its own': ['docs/policy.md', 'The row is signed with the broker'],
  'only an admin writes bundles': ['docs/nats.md', 'No user may delete the bucket'],
  'assertions need another person': ['docs/policy.md', '**The two-person rule.**'],
  'permissive mode loosens rows alone': ['docs/policy.md', '**Assertions are enforced.**'],
  'permissive mode ends': ['docs/policy.md', '**After a start of the broker every domain is enforcing.**'],
  'an archived policy is whole': ['docs/policy.md', 'Files are stored by their content'],
  'every change is recorded': ['docs/broker.md', 'also when it changed nothing'],
  'each role does its own things': ['docs/broker.md', 'An auditor sees all that an admin sees'],
  'only a witness cosigns': ['docs/audit.md', 'A key of another role is refused'],
  'only an auditor reviews': ['docs/audit.md', 'without an auditor'],
  'brokers cosign only what continues': [
    'docs/audit.md',
    'The key of a broker is believed only if it is the key that the broker has proved',
  ],
  'a stream goes on only in its own log': ['docs/audit.md', 'is not taken for a continuation (`ERR_STREAM_CURSOR`)'],
  'records leave the host only encrypted': ['docs/audit.md', 'are accepted for this host alone'],
  'no secret of a stream is seen': ['docs/audit.md', 'Secrets come from files that only their owner can read'],
  'a changed case is noticed': ['docs/audit.md', '`verify-case` fails when a byte was'],
  'the log tells what was in force': ['docs/audit.md', 'policy.prepare'],
  'a grant ends when it says': ['docs/grants.md', 'grant.expire'],
  'a broker speaks for its own domains': ['docs/scaling.md', 'FOREIGN_HOME'],
  'rings behave as in Argo': ['docs/conformance.md', 'Argo'],
  'keys are kept private': ['docs/keys.md', '0600'],
  'records are as the wire says': ['docs/wire.md', 'commitment'],
  'NATS is only a carrier': ['docs/nats.md', 'OVERRUN'],
  'a second agent leaves the first alone': ['docs/agent.md', 'before it opens a session'],
  'a vchan has one peer, and it is private': ['docs/audio.md', 'A newer connection replaces the older one'],
  'programs share a session and harm only themselves': ['docs/agent.md', 'loses its own session'],
  'commands reach their own broker': ['docs/broker.md', 'which answers "revoked"'],
  'a table runs nothing': ['docs/audit.md', '--csv'],
  'a waiver has a reason and an end': ['docs/policy.md', 'lint-disable'],
  'routes go with their router': ['docs/network.md', 'It removes its routes when the NetVM withdraws them'],
  'payloads are of their class': ['docs/network.md', 'dhcp'],
} as const satisfies Readonly<Record<string, readonly [file: string, text: string]>>;

export type PromiseName = keyof typeof PROMISES;

/** Headings of SECURITY.md that promise nothing a line could break. */
export const NO_PROMISE: readonly string[] = ['*Use a covert channel.*', '**A VM**'];
