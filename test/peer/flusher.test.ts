/** When the frames of sessions are written: at the end of the turn, or after a few slices of a backlog. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Backlog, Flusher } from '../../broker/peer/flusher.ts';
import { MAX_HELD_TURNS } from '../../broker/process/index.ts';

const flusher = suite('flusher');

/** A flusher whose turns end when the test says so. */
class Turn {
  readonly backlog: { -readonly [Key in keyof Backlog]: Backlog[Key] } = {
    isCatchingUp: false,
    hasBacklog: false,
    beforeBacklog: (task) => {
      this.#beforeBacklog = task;
    },
  };
  flushed: string[] = [];
  #due: (() => void)[] = [];
  #beforeBacklog = (): void => {};
  readonly #flusher = new Flusher((task) => this.#due.push(task), this.backlog);

  /** Of the work that goes on now. */
  from(work: 'socket' | 'backlog'): void {
    this.backlog.isCatchingUp = work === 'backlog';
    this.backlog.hasBacklog ||= work === 'backlog';
  }

  add(name: string, isFull = false): void {
    this.#flusher.add({ flush: () => this.flushed.push(name) });
    this.#flusher.queued(isFull);
  }

  more(isFull = false): void {
    this.#flusher.queued(isFull);
  }

  /** A slice of the backlog is next. */
  slice(): readonly string[] {
    this.flushed = [];
    this.#beforeBacklog();
    return this.flushed;
  }

  end(): readonly string[] {
    const due = this.#due;
    this.#due = [];
    this.flushed = [];
    for (const task of due) task();
    return this.flushed;
  }
}

flusher('writes at the end of the turn what was queued in it', () => {
  const turn = new Turn();
  turn.add('a');
  turn.add('b');
  assert.equal(turn.flushed, []);
  assert.equal(turn.end(), ['a', 'b']);
  assert.equal(turn.end(), []);
});

flusher('holds the frames of a backlog for a few turns, and not longer', () => {
  const turn = new Turn();
  turn.from('backlog');
  turn.add('a');
  for (let held = 0; held < MAX_HELD_TURNS; held++) {
    assert.equal(turn.end(), [], `turn ${held}`);
    turn.more();
  }
  assert.equal(turn.end(), ['a']);
  turn.add('a');
  assert.equal(turn.end(), [], 'and it counts again');
});

flusher('holds nothing when the backlog is gone', () => {
  const turn = new Turn();
  turn.from('backlog');
  turn.add('a');
  turn.backlog.hasBacklog = false;
  assert.equal(turn.end(), ['a']);
});

flusher('does not hold a full record', () => {
  const turn = new Turn();
  turn.from('backlog');
  turn.add('a');
  turn.more(true);
  assert.equal(turn.end(), ['a']);
});

flusher('writes what others have to say before the next slice of a backlog, and once', () => {
  const turn = new Turn();
  turn.from('backlog');
  turn.add('a');
  assert.equal(turn.slice(), [], 'frames of the backlog wait for more');
  turn.from('socket');
  turn.add('b');
  assert.equal(turn.slice(), ['a', 'b']);
  assert.equal(turn.end(), []);
  turn.add('c');
  assert.equal(turn.end(), ['c']);
});

flusher('does not let the work of other domains wait, even for a session that is held', () => {
  const turn = new Turn();
  turn.from('backlog');
  turn.add('a');
  assert.equal(turn.end(), []);
  turn.from('socket');
  turn.more();
  assert.equal(turn.end(), ['a']);
});

flusher.run();
