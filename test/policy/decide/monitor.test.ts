/** The reference monitor: which requests get a permit, which do not, and that there is no other way to get one. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Domain, Permit, type ServiceClass } from '../../../policy/index.ts';
import { classOf, compileTexts, decide, domainOf, ONE_ROW, SERVICES } from '../compile.ts';
import { pretend } from './lying-casbin.ts';

const monitor = suite('reference monitor');

const POLICY = `# line 1
p, @app,   broker, argo, enable,                 allow
p, @audio, broker, argo, *,                      allow
p, @audio, @app,   argo, register_single_source, allow
p, @app,   @audio, argo, send,                   allow
p, @app,   @audio, playback, send,               allow
p, @app,   @audio, control, *,                   allow
p, @any,   @audio, control, other,               deny
p, mail-vm, audio-vm, playback, send,            deny
p, @mic,   @audio, control, source-start,        allow
p, @app,   @app,   unclassified, send,           allow
`;

/**
 * Written by hand: source, destination, class, allowed permission. All else is denied. @app is chrome-vm and mail-vm,
 * @audio is audio-vm, rogue-vm has no label.
 */
const ALLOWED: ReadonlySet<string> = new Set([
  'chrome-vm broker argo enable',
  'mail-vm broker argo enable',
  'audio-vm broker argo enable',
  'audio-vm broker argo register_any_source',
  // "argo *" to the broker covers all four permissions, although two are never requested with the broker as
  // destination.
  'audio-vm broker argo register_single_source',
  'audio-vm broker argo send',
  'audio-vm chrome-vm argo register_single_source',
  'audio-vm mail-vm argo register_single_source',
  'chrome-vm audio-vm argo send',
  'mail-vm audio-vm argo send',
  'chrome-vm audio-vm playback send',
  ...['chrome-vm', 'mail-vm'].flatMap((app) =>
    ['source-start', 'source-stop', 'sink-cork', 'sink-uncork'].map((code) => `${app} audio-vm control ${code}`),
  ),
  ...['chrome-vm', 'mail-vm'].flatMap((from) =>
    ['chrome-vm', 'mail-vm'].map((to) => `${from} ${to} unclassified send`),
  ),
]);

monitor('label × label × permission: exactly the table is allowed', async () => {
  const policy = await compileTexts({ policy: POLICY });
  const seen = new Set<string>();
  for (const source of policy.domains.all) {
    for (const destination of [...policy.domains.all, policy.domains.broker]) {
      for (const serviceClass of policy.classes.all) {
        const { decisions } = policy.monitor.vector(source, destination, serviceClass);
        for (const [position, permission] of serviceClass.permissions.entries()) {
          const asked = `${source.name} ${destination.name} ${serviceClass.name} ${permission}`;
          const decision = decisions[position];
          assert.is(decision?.allowed, ALLOWED.has(asked), asked);
          assert.equal([decision?.source, decision?.destination], [source, destination], asked);
          if (decision?.allowed === true) seen.add(asked);
        }
      }
    }
  }
  assert.is(seen.size, ALLOWED.size);
});

monitor('the four hooks ask class argo as Xen does: owner to sender, domain to broker', async () => {
  const policy = await compileTexts({ policy: POLICY });
  const [audio, chrome, rogue] = [
    domainOf(policy, 'audio-vm'),
    domainOf(policy, 'chrome-vm'),
    domainOf(policy, 'rogue-vm'),
  ];
  const hooks = policy.monitor;
  assert.equal([hooks.enable(chrome).allowed, hooks.enable(rogue).allowed], [true, false]);
  assert.equal(
    [hooks.registerSingleSource(audio, chrome).allowed, hooks.registerSingleSource(chrome, audio).allowed],
    [true, false],
  );
  assert.equal([hooks.registerAnySource(audio).allowed, hooks.registerAnySource(chrome).allowed], [true, false]);
  assert.equal([hooks.send(chrome, audio).allowed, hooks.send(audio, chrome).allowed], [true, false]);
  assert.is(hooks.enable(chrome).destination, policy.domains.broker);
  assert.is(hooks.send(chrome, audio).permission, 'send');
  assert.is(hooks.registerAnySource(audio).permission, 'register_any_source');
});

monitor('a decision names the row: the first deny, else the first allow, in file order', async () => {
  const policy = await compileTexts({ policy: POLICY });
  const ruled = (permission: string) => decide(policy, 'chrome-vm', 'audio-vm', 'control', permission);
  assert.equal(ruled('source-start').rule, { file: 'policy.csv', line: 7 });
  assert.equal(ruled('other').rule, { file: 'policy.csv', line: 8 });
  const other = ruled('other');
  assert.is(!other.allowed && other.reason, 'EXPLICIT_DENY');
  const none = decide(policy, 'rogue-vm', 'audio-vm', 'playback', 'send');
  assert.is(none.rule, null);
  assert.is(!none.allowed && none.reason, 'NO_RULE');
});

monitor('file order decides which row is named, not how the row names its ends', async () => {
  const rows = [
    'p, @any, @any, playback, send, allow',
    'p, @app, @audio, playback, send, allow',
    'p, chrome-vm, audio-vm, playback, send, allow',
  ];
  for (const lines of [rows, [...rows].reverse()]) {
    const policy = await compileTexts({ policy: `${lines.join('\n')}\n` });
    assert.is(decide(policy, 'chrome-vm', 'audio-vm', 'playback', 'send').rule?.line, 1);
  }
});

monitor('permits say whether each use is to be recorded', async () => {
  const policy = await compileTexts({ policy: POLICY });
  const start = decide(policy, 'chrome-vm', 'audio-vm', 'control', 'source-start');
  const stop = decide(policy, 'chrome-vm', 'audio-vm', 'control', 'source-stop');
  assert.equal([start.allowed && start.auditallow, stop.allowed && stop.auditallow], [true, false]);
});

monitor('permits say whether the record must be durable before delivery', async () => {
  const services = SERVICES.replace('auditallow: [source-start]', 'strict: [source-stop]');
  const policy = await compileTexts({ policy: POLICY, services });
  const strictOf = (permission: string): boolean => {
    const decision = decide(policy, 'chrome-vm', 'audio-vm', 'control', permission);
    return decision.allowed && decision.strict;
  };
  assert.equal(['source-start', 'source-stop'].map(strictOf), [false, true]);
});

monitor('permits say whether the record has a digest; then it must be durable before delivery, too', async () => {
  const services = SERVICES.replace('auditallow: [source-start]', 'digest: [source-stop]');
  const policy = await compileTexts({ policy: POLICY, services });
  const levelsOf = (permission: string): readonly boolean[] => {
    const decision = decide(policy, 'chrome-vm', 'audio-vm', 'control', permission);
    return decision.allowed ? [decision.strict, decision.digest] : [];
  };
  assert.equal(['source-start', 'source-stop'].map(levelsOf), [
    [false, false],
    [true, true],
  ]);
});

monitor('decisions and denials are interned', async () => {
  const policy = await compileTexts({ policy: POLICY });
  const [audio, chrome] = [domainOf(policy, 'audio-vm'), domainOf(policy, 'chrome-vm')];
  const playback = classOf(policy, 'playback');
  assert.is(policy.monitor.vector(chrome, audio, playback), policy.monitor.vector(chrome, audio, playback));
  assert.is(policy.monitor.send(chrome, audio), policy.monitor.send(chrome, audio));
  assert.is(
    policy.monitor.unfit(chrome, audio, playback, 'MALFORMED'),
    policy.monitor.unfit(chrome, audio, playback, 'MALFORMED'),
  );
  assert.is(policy.monitor.unknownDestination(chrome), policy.monitor.unknownDestination(chrome));
  assert.is(policy.monitor.foreignSource(chrome), policy.monitor.foreignSource(chrome));
  assert.equal(
    [
      policy.monitor.unfit(chrome, audio, playback, 'MALFORMED'),
      policy.monitor.unknownDestination(chrome),
      policy.monitor.foreignSource(chrome),
    ].map(({ allowed, reason, className }) => [allowed, reason, className]),
    [
      [false, 'MALFORMED', 'playback'],
      [false, 'UNKNOWN_DESTINATION', 'argo'],
      [false, 'FOREIGN_SOURCE', 'argo'],
    ],
  );
});

monitor('a permit shows the revision it was minted under', async () => {
  const [one, two] = [await compileTexts({ policy: POLICY }), await compileTexts({ policy: POLICY }, { revision: 2 })];
  const permit = one.monitor.send(domainOf(one, 'chrome-vm'), domainOf(one, 'audio-vm'));
  assert.is(permit.revision, 1);
  assert.is(two.monitor.revision, 2);
  assert.is.not(permit.revision, two.monitor.revision);
});

const failing = suite('reference monitor, failing closed');

failing('domains and classes of another revision are denied, each with its reason', async () => {
  const [one, two] = [await compileTexts({ policy: POLICY }), await compileTexts({ policy: POLICY }, { revision: 2 })];
  const [chrome, audio, playback] = [domainOf(one, 'chrome-vm'), domainOf(one, 'audio-vm'), classOf(one, 'playback')];
  const foreign = {
    chrome: domainOf(two, 'chrome-vm'),
    audio: domainOf(two, 'audio-vm'),
    playback: classOf(two, 'playback'),
  };
  const reason = (source: Domain, destination: Domain, serviceClass: ServiceClass) => {
    const [decision] = one.monitor.vector(source, destination, serviceClass).decisions;
    return decision?.allowed === false ? decision.reason : 'allowed';
  };
  assert.is(reason(chrome, audio, playback), 'allowed');
  assert.is(reason(foreign.chrome, audio, playback), 'UNKNOWN_SOURCE');
  assert.is(reason(chrome, foreign.audio, playback), 'UNKNOWN_DESTINATION');
  assert.is(reason(chrome, audio, foreign.playback), 'UNKNOWN_CLASS');
  assert.is(one.monitor.send(foreign.chrome, audio).allowed, false);
  assert.is(one.monitor.unfit(foreign.chrome, audio, playback, 'MALFORMED').allowed, false);
});

failing('a copy of a domain is not the domain', async () => {
  const policy = await compileTexts({ policy: POLICY });
  const audio = domainOf(policy, 'audio-vm');
  const rogue: Domain = { ...domainOf(policy, 'chrome-vm') };
  assert.is(policy.monitor.send(rogue, audio).allowed, false);
});

failing('the broker sends nothing and nobody sends to it', async () => {
  const policy = await compileTexts({ policy: `${POLICY}p, @any, @any, argo, *, allow\n` });
  const chrome = domainOf(policy, 'chrome-vm');
  assert.is(policy.monitor.send(policy.domains.broker, chrome).allowed, false);
  assert.is(policy.monitor.send(chrome, policy.domains.broker).allowed, false);
});

failing('whatever comes in, a denial comes out', async () => {
  const policy = await compileTexts({ policy: POLICY });
  const [chrome, argo] = [domainOf(policy, 'chrome-vm'), classOf(policy, 'argo')];
  const hostile = [undefined, null, 0, 'chrome-vm', {}, [], { index: -1 }, { index: 'length' }, { index: '__proto__' }, { index: 1e9 },
    new Proxy({}, { get: () => { throw new Error('no'); } })] as unknown as Domain[]; // biome-ignore format: one list
  for (const what of hostile) {
    for (const decision of [
      policy.monitor.enable(what),
      policy.monitor.send(what, chrome),
      policy.monitor.send(chrome, what),
      policy.monitor.registerAnySource(what),
      policy.monitor.registerSingleSource(chrome, what),
    ]) {
      assert.is(decision.allowed, false);
    }
    const { decisions } = policy.monitor.vector(chrome, chrome, what as unknown as ServiceClass);
    assert.not.ok(decisions.some(({ allowed }) => allowed));
    assert.is(policy.monitor.unknownDestination(what).allowed, false);
    assert.is(policy.monitor.foreignSource(what).allowed, false);
    assert.is(policy.monitor.unfit(what, what, argo, 'MALFORMED').allowed, false);
    assert.is(policy.monitor.unfit(chrome, chrome, what as unknown as ServiceClass, 'MALFORMED').allowed, false);
  }
});

failing('a Casbin that disagrees with the rows, or throws, is a denial that is not remembered', async () => {
  const answers: readonly (() => boolean)[] = [
    () => true,
    () => {
      throw new Error('no');
    },
  ];
  for (const answer of answers) {
    const policy = await compileTexts({ policy: POLICY });
    const restore = pretend(answer);
    try {
      const denied = decide(policy, 'mail-vm', 'audio-vm', 'playback', 'send');
      assert.is(denied.allowed === false && denied.reason, 'INTERNAL');
    } finally {
      restore();
    }
    const after = decide(policy, 'mail-vm', 'audio-vm', 'playback', 'send');
    assert.is(after.allowed === false && after.reason, 'EXPLICIT_DENY');
  }
});

const permits = suite('permits');

permits('nothing but the monitor makes one that is genuine', async () => {
  const policy = await compileTexts({ policy: POLICY });
  const permit = policy.monitor.send(domainOf(policy, 'chrome-vm'), domainOf(policy, 'audio-vm'));
  assert.ok(permit.allowed && Permit.isGenuine(permit));
  const forgeries: object[] = [
    { ...permit },
    Object.assign(Object.create(Permit.prototype), permit),
    Object.setPrototypeOf({ ...permit }, Permit.prototype),
    Object.create(permit),
    structuredClone(permit),
    new Proxy(permit, {}),
    JSON.parse(JSON.stringify(permit)),
    Permit.prototype,
    policy.monitor.send(domainOf(policy, 'rogue-vm'), domainOf(policy, 'audio-vm')),
  ];
  for (const [index, forgery] of forgeries.entries()) assert.is(Permit.isGenuine(forgery), false, `forgery ${index}`);
});

permits('a genuine one cannot be turned into another', async () => {
  const policy = await compileTexts({ policy: POLICY });
  const permit = policy.monitor.send(domainOf(policy, 'chrome-vm'), domainOf(policy, 'audio-vm'));
  assert.throws(() => Object.assign(permit, { destination: domainOf(policy, 'mail-vm') }));
  assert.throws(() => Object.assign(permit, { revision: 2 }));
  const denial = policy.monitor.send(domainOf(policy, 'rogue-vm'), domainOf(policy, 'audio-vm'));
  assert.throws(() => Object.assign(denial, { allowed: true }));
  assert.throws(() => Object.assign(domainOf(policy, 'rogue-vm'), { index: 1 }));
});

permits('the door does not lead to the mint', async () => {
  const door = await import('../../../policy/index.ts');
  assert.not.ok(Object.keys(door).some((name) => /mint/i.test(name)));
  const policy = await compileTexts({ policy: POLICY });
  const permit = policy.monitor.send(domainOf(policy, 'chrome-vm'), domainOf(policy, 'audio-vm'));
  for (const key of [undefined, Symbol('mint'), permit]) {
    assert.throws(() => Reflect.construct(permit.constructor, [key, permit, true]), /only the reference monitor/);
    assert.throws(() => Reflect.construct(permit.constructor, [permit, true]), /only the reference monitor/);
  }
  assert.throws(() => Object.assign(Permit, { isGenuine: () => true }));
});

permits('a policy without a matching row denies; so does one that is missing or broken, by not existing', async () => {
  const policy = await compileTexts({ policy: ONE_ROW });
  assert.is(policy.monitor.enable(domainOf(policy, 'chrome-vm')).allowed, false);
  for (const broken of ['', 'p, @app', `${ONE_ROW}p, @app`]) {
    await compileTexts({ policy: broken }).then(
      () => assert.unreachable(),
      () => undefined,
    );
  }
});

monitor.run();
failing.run();
permits.run();
