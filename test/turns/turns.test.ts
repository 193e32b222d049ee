/** Who is worked on when: budgets, rounds, and what a domain gains by its tricks: nothing. Time is counted in turns. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  BURST_UNITS,
  DOMAIN_IDLE,
  HELLO_UNITS,
  type Job,
  QUANTUM_UNITS,
  SLICE_UNITS,
  STRANGERS_IDLE,
  Turns,
  UNITS_PER_MS,
  type Worker,
} from '../../broker/turns/index.ts';

import { FakeClock } from '../support/clock.ts';
import { seededRandom } from '../support/seed.ts';

const PIECE = 10_000;

/** An event loop whose turns a test takes one by one. */
class Loop {
  readonly clock = new FakeClock();
  readonly turns = new Turns((task) => this.#due.push(task), this.clock);
  #due: (() => void)[] = [];

  /** False when nothing was due. */
  turn(): boolean {
    const due = this.#due;
    this.#due = [];
    for (const task of due) task();
    return due.length > 0;
  }
}

/** Has so many units of work, in pieces. */
class Load implements Worker {
  readonly job: Job;
  left = 0;
  done = 0;
  readonly #piece: number;

  constructor(turns: Turns, share: string, piece = PIECE) {
    this.#piece = piece;
    this.job = turns.job(share, this);
  }

  brings(units: number): void {
    this.left += units;
    this.job.ready();
  }

  work(): boolean {
    while (this.left > 0) {
      if (this.job.share.isSpent) return true;
      this.left -= this.#piece;
      this.done += this.#piece;
      this.job.share.spend(this.#piece);
    }
    return false;
  }
}

const turns = suite('turns');

turns('a domain alone is worked on at once, and owes nothing afterwards', () => {
  const loop = new Loop();
  const a = new Load(loop.turns, 'a');
  for (let count = 0; count < 10; count++) {
    a.brings(QUANTUM_UNITS);
    assert.is(a.left, 0);
    loop.turn();
  }
  assert.is(a.job.share.heldBack, 0);
  assert.is(a.job.share.used, 10 * QUANTUM_UNITS);
});

turns('what is beyond the quantum goes on in later turns, a slice in each', () => {
  const loop = new Loop();
  const a = new Load(loop.turns, 'a');
  a.brings(QUANTUM_UNITS + 3 * SLICE_UNITS);
  assert.is(a.done, QUANTUM_UNITS);
  for (let slice = 1; slice <= 3; slice++) {
    assert.ok(loop.turn());
    assert.is(a.done, QUANTUM_UNITS + slice * SLICE_UNITS);
  }
  assert.is(a.left, 0);
});

turns('nothing is scheduled once all is done', () => {
  const loop = new Loop();
  const a = new Load(loop.turns, 'a');
  a.brings(PIECE);
  assert.ok(loop.turn());
  assert.not(loop.turn());
});

turns('one turn of the event loop works at once on a quantum in all, however many bring work', () => {
  const loop = new Loop();
  const loads = Array.from({ length: 40 }, (_, index) => new Load(loop.turns, `vm-${index}`));
  for (const load of loads) load.brings(QUANTUM_UNITS / 2);
  const done = (): number => loads.reduce((sum, load) => sum + load.done, 0);
  assert.is(done(), QUANTUM_UNITS);
  loop.turn();
  assert.is(done(), QUANTUM_UNITS + SLICE_UNITS);
});

for (const attackers of [1, 4, 16, 128]) {
  turns(`a domain with little to do waits for one turn at most beside ${attackers} with much`, () => {
    const loop = new Loop();
    const loads = Array.from({ length: attackers }, (_, index) => new Load(loop.turns, `bad-${index}`));
    // Less than its part, which is one in `attackers + 1`.
    const quiet = new Load(loop.turns, 'quiet', 1_000);
    for (const load of loads) load.brings(100 * SLICE_UNITS);
    for (let turn = 0; turn <= 2 * attackers; turn++) loop.turn();
    for (let turn = 0; turn < 1_000; turn++) {
      for (const load of loads) if (load.left <= 0) load.brings(100 * SLICE_UNITS);
      quiet.brings(1_000);
      if (quiet.left > 0) loop.turn();
      assert.is(quiet.left, 0, `turn ${turn}`);
      loop.turn();
    }
  });
}

turns('domains with a backlog have equal parts, whatever the size of their pieces', () => {
  const loop = new Loop();
  const loads = [1_000, 10_000, 100_000, 600_000].map((piece, index) => new Load(loop.turns, `vm-${index}`, piece));
  for (const load of loads) load.brings(1e9);
  for (let turn = 0; turn < 4_000; turn++) loop.turn();
  const parts = loads.map(({ done }) => done);
  const spread = Math.max(...parts) - Math.min(...parts);
  assert.ok(spread <= QUANTUM_UNITS + 2 * 600_000, parts.join());
});

turns('sessions and strangers of one name share one part', () => {
  const loop = new Loop();
  const many = Array.from({ length: 8 }, () => new Load(loop.turns, 'a'));
  const one = new Load(loop.turns, 'b');
  for (const load of [...many, one]) load.brings(1e9);
  for (let turn = 0; turn < 4_000; turn++) loop.turn();
  const together = many.reduce((sum, { done }) => sum + done, 0);
  assert.ok(Math.abs(together - one.done) <= 2 * QUANTUM_UNITS, `${together} ${one.done}`);
});

for (const pause of [1, 3, 5]) {
  turns(`a domain that brings just less than a quantum every ${pause} turns gains nothing by it`, () => {
    const loop = new Loop();
    const sly = new Load(loop.turns, 'sly');
    const honest = Array.from({ length: 3 }, (_, index) => new Load(loop.turns, `vm-${index}`));
    for (const load of honest) load.brings(1e12);
    for (let turn = 0; turn < 4_000; turn++) {
      if (sly.left <= 0 && turn % pause === 0) sly.brings(QUANTUM_UNITS - PIECE);
      loop.turn();
    }
    const least = Math.min(...honest.map(({ done }) => done));
    assert.ok(sly.done <= 1.05 * least, `${sly.done} ${least}`);
  });
}

turns('one that owes something waits for a turn, also when nobody else does', () => {
  const loop = new Loop();
  const a = new Load(loop.turns, 'a', 600_000);
  a.brings(600_000);
  a.brings(600_000);
  loop.turn();
  a.brings(600_000);
  assert.is(a.left, 600_000);
  loop.turn();
  assert.is(a.left, 0);
});

turns('one large piece is paid for afterwards, while others are served', () => {
  const loop = new Loop();
  const large = new Load(loop.turns, 'large', 16 * QUANTUM_UNITS);
  const other = new Load(loop.turns, 'other');
  large.brings(32 * QUANTUM_UNITS);
  other.brings(100 * QUANTUM_UNITS);
  const after = large.done;
  /** Turns that pay for the piece, but for the quantum that it may use at once. */
  const owed = (15 * QUANTUM_UNITS) / SLICE_UNITS;
  for (let turn = 0; turn < owed; turn++) loop.turn();
  assert.is(large.done, after);
  for (let turn = 0; turn < owed + 10; turn++) loop.turn();
  assert.is(large.left, 0);
});

turns('a domain that owes is not kept waiting when nobody else wants anything', () => {
  const loop = new Loop();
  const large = new Load(loop.turns, 'large', 16 * QUANTUM_UNITS);
  large.brings(32 * QUANTUM_UNITS);
  loop.turn();
  loop.turn();
  assert.is(large.left, 0);
});

turns('a cancelled job is not worked on, and keeps nobody waiting', () => {
  const loop = new Loop();
  const a = new Load(loop.turns, 'a');
  a.brings(10 * QUANTUM_UNITS);
  a.job.cancel();
  loop.turn();
  assert.is(a.done, QUANTUM_UNITS);
  assert.not(loop.turn());
  const b = new Load(loop.turns, 'a');
  b.brings(PIECE);
  assert.is(b.left, 0);
});

turns('on any history each turn is bounded, and all work is done in the end', () => {
  const random = seededRandom();
  for (let history = 0; history < 30; history++) {
    const loop = new Loop();
    const loads = Array.from({ length: 1 + random.below(12) }, () => {
      return new Load(loop.turns, `vm-${random.below(6)}`, 1_000 * (1 + random.below(300)));
    });
    const done = (): number => loads.reduce((sum, load) => sum + load.done, 0);
    for (let turn = 0; turn < 200; turn++) {
      const before = done();
      for (let count = random.below(4); count > 0; count--) {
        loads[random.below(loads.length)]?.brings(random.below(3 * QUANTUM_UNITS));
      }
      loop.turn();
      assert.ok(done() - before <= QUANTUM_UNITS + SLICE_UNITS + 2 * 300_000, `history ${history}, turn ${turn}`);
    }
    for (let turn = 0; loop.turn(); turn++) assert.ok(turn < 100_000);
    for (const load of loads) assert.ok(load.left <= 0);
  }
});

/** Does work that delivers nothing, a thousand units at a time, as often as it is let. */
class IdleLoad implements Worker {
  readonly job: Job;
  done = 0;
  earnsPerPiece = 0;

  constructor(turns: Turns, share: string) {
    this.job = turns.job(share, this);
  }

  work(): boolean {
    while (!this.job.share.isSpent) {
      this.job.share.spendIdle(PIECE);
      this.job.share.earn(this.earnsPerPiece);
      this.done += PIECE;
    }
    return true;
  }
}

/** Turns of one millisecond each. */
function turnsOf(loop: Loop, milliseconds: number): void {
  for (let count = 0; count < milliseconds; count++) {
    loop.clock.advance(1);
    for (let more = 0; more < 20 && loop.turn(); more++);
  }
}

turns('idle work gets a burst and then its part of a core, whatever the event loop has time for', () => {
  const loop = new Loop();
  const idle = new IdleLoad(loop.turns, 'a');
  idle.job.ready();
  turnsOf(loop, 1_000);
  const most = BURST_UNITS + DOMAIN_IDLE.part * 1_000 * UNITS_PER_MS;
  assert.ok(idle.done <= most + SLICE_UNITS, `${idle.done}`);
  assert.ok(idle.done >= 0.9 * most, `${idle.done}`);
});

turns('a piece that cannot be divided counts several times in a domain’s allowance, and once for all strangers', () => {
  const { turns: shares } = new Loop();
  const [domain, strangers] = [shares.share('a'), shares.share('strangers', STRANGERS_IDLE)];
  for (const share of [domain, strangers]) {
    const { credit } = share;
    share.spendPiece(HELLO_UNITS);
    assert.is(share.used, HELLO_UNITS);
    assert.is(credit - share.credit, HELLO_UNITS);
  }
  assert.is(BURST_UNITS - strangers.allowance.left, HELLO_UNITS);
  assert.is(BURST_UNITS - domain.allowance.left, DOMAIN_IDLE.pieceWeight * HELLO_UNITS);
  assert.ok(domain.allowance.left > 0, 'a domain may come at once');
});

turns('a domain does a slice of idle work at once, however much credit it has', () => {
  const loop = new Loop();
  const [idle, busy] = [new IdleLoad(loop.turns, 'idle'), new Load(loop.turns, 'busy')];
  busy.brings(QUANTUM_UNITS / 2);
  idle.job.ready();
  assert.is(busy.left, 0, 'what delivers has a quantum');
  assert.is(idle.done, SLICE_UNITS);
  loop.turn();
  assert.is(idle.done, 2 * SLICE_UNITS);
});

turns('the sessions of one domain have one slice of idle work at once, and what they earn', () => {
  const { turns: shares } = new Loop();
  const share = shares.share('a');
  shares.job('a', { work: () => false }).ready();
  share.spendIdle(SLICE_UNITS);
  assert.ok(share.isSpent);
  share.earn(PIECE);
  assert.is(share.idleRoom, PIECE);
  assert.not(share.isSpent);
  share.spendPiece(HELLO_UNITS);
  assert.ok(share.isSpent, 'a piece is idle work too');
});

for (const attackers of [1, 4, 16]) {
  turns(`a domain with little to do waits for one turn at most beside ${attackers} with idle work`, () => {
    const loop = new Loop();
    for (let index = 0; index < attackers; index++) new IdleLoad(loop.turns, `bad-${index}`).job.ready();
    const quiet = new Load(loop.turns, 'quiet', 1_000);
    loop.turn();
    for (let turn = 0; turn < 500; turn++) {
      loop.clock.advance(turn % 2);
      quiet.brings(1_000);
      if (quiet.left > 0) loop.turn();
      assert.is(quiet.left, 0, `turn ${turn}`);
      loop.turn();
    }
  });
}

turns(
  'however a domain cuts its idle work and pauses, it has a burst and its part, and never more than a slice at once',
  () => {
    const random = seededRandom();
    for (let history = 0; history < 30; history++) {
      const loop = new Loop();
      const share = loop.turns.share('sly');
      let left = 0;
      const worker: Worker = {
        work: () => {
          while (left > 0) {
            if (share.isSpent) return true;
            share.spendIdle(PIECE);
            left -= PIECE;
          }
          return false;
        },
      };
      const job = loop.turns.job('sly', worker);
      const milliseconds = 400;
      for (let now = 0; now < milliseconds; now++) {
        loop.clock.advance(1);
        if (random.below(3) === 0) left += random.below(20) * PIECE;
        const before = share.used;
        job.ready();
        assert.ok(share.used - before <= SLICE_UNITS, `${share.used - before} units at once`);
        for (let turn = random.below(5); turn > 0; turn--) loop.turn();
      }
      const most = BURST_UNITS + DOMAIN_IDLE.part * milliseconds * UNITS_PER_MS + SLICE_UNITS;
      assert.ok(share.used <= most, `${share.used} of ${most}`);
    }
  },
);

turns('whoever has done a slice of idle work waits behind those who have done nothing', () => {
  const loop = new Loop();
  for (let index = 0; index < QUANTUM_UNITS / SLICE_UNITS; index++)
    new IdleLoad(loop.turns, `bad-${index}`).job.ready();
  const quiet = new Load(loop.turns, 'quiet', 1_000);
  quiet.brings(1_000);
  assert.is(quiet.left, 1_000, 'the quantum of this turn is used up');
  loop.turn();
  assert.is(quiet.left, 0);
});

turns('what others have to write goes out before the backlog is worked on', () => {
  const loop = new Loop();
  const load = new Load(loop.turns, 'a');
  const seen: number[] = [];
  loop.turns.beforeBacklog(() => seen.push(load.done));
  load.brings(QUANTUM_UNITS + 2 * SLICE_UNITS);
  loop.turn();
  loop.turn();
  assert.equal(seen, [QUANTUM_UNITS, QUANTUM_UNITS + SLICE_UNITS]);
  loop.turn();
  assert.is(seen.length, 2, 'without a backlog nothing hurries');
});

turns('a share that rests does not make the event loop turn', () => {
  const loop = new Loop();
  const idle = new IdleLoad(loop.turns, 'a');
  idle.job.ready();
  turnsOf(loop, 100);
  for (let count = 0; count < 100; count++) loop.turn();
  assert.not(loop.turn());
  assert.not(loop.turns.hasBacklog);
});

turns('work that delivers pays for itself: it never rests', () => {
  const loop = new Loop();
  const busy = new IdleLoad(loop.turns, 'a');
  busy.earnsPerPiece = PIECE;
  busy.job.ready();
  for (let count = 0; count < 2_000; count++) loop.turn();
  assert.ok(busy.done >= 10 * BURST_UNITS, `${busy.done}`);
});

turns('nothing is saved beyond a burst, however much was delivered', () => {
  const loop = new Loop();
  const idle = new IdleLoad(loop.turns, 'a');
  idle.job.share.earn(1_000 * BURST_UNITS);
  idle.job.ready();
  for (let count = 0; count < 2_000; count++) loop.turn();
  assert.ok(idle.done <= BURST_UNITS + SLICE_UNITS, `${idle.done}`);
});

turns('while one rests, all others work as if it were not there', () => {
  const loop = new Loop();
  const idle = new IdleLoad(loop.turns, 'bad');
  idle.job.ready();
  turnsOf(loop, 100);
  const good = new Load(loop.turns, 'good');
  good.brings(QUANTUM_UNITS);
  assert.is(good.left, 0);
});

turns('a job that is cancelled at rest is not run afterwards', () => {
  const loop = new Loop();
  const idle = new IdleLoad(loop.turns, 'a');
  idle.job.ready();
  turnsOf(loop, 100);
  const { done } = idle;
  idle.job.cancel();
  turnsOf(loop, 1_000);
  assert.is(idle.done, done);
});

turns.run();
