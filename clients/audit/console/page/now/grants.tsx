/** Grants in force, each with the time that it has left. */
import type { Rec } from '../../answers.ts';
import { useEvery } from '../api.tsx';
import { member, partyOf, plain } from '../text.tsx';

const SECOND_MS = 1_000;

export function Grants({ grants }: { readonly grants: readonly Rec[] }) {
  return (
    <section class="panel grants" aria-label="Grants">
      <h2>Grants in force</h2>
      {grants.length === 0 ? (
        <p class="empty">None: no domain has more than the policy says.</p>
      ) : (
        <ul class="plain">
          {grants.map((grant) => (
            <GrantItem key={String(grant.seq)} grant={grant} />
          ))}
        </ul>
      )}
    </section>
  );
}

function GrantItem({ grant }: { readonly grant: Rec }) {
  useEvery(SECOND_MS);
  const given = Date.parse(String(grant.time));
  const forMs = member(grant.detail, 'forMs');
  const total = typeof forMs === 'number' ? forMs : null;
  const left = total === null ? null : Math.max(0, given + total - Date.now());
  const [by, why] = [member(grant.detail, 'by'), member(grant.detail, 'why')];
  return (
    <li class="grant">
      <span>
        <b>{partyOf(grant, 'src')}</b> has <b class="warn">{plain(member(grant.detail, 'label') ?? '?')}</b>
      </span>
      <strong class="left">
        {left === null ? 'until it is revoked' : left === 0 ? 'time is up' : `${clock(left)} left`}
      </strong>
      {left !== null && total !== null && (
        <progress
          aria-label="Time left"
          value={Math.round(left / SECOND_MS)}
          max={Math.max(1, Math.round(total / SECOND_MS))}
        />
      )}
      <span class="dim">
        {typeof by === 'string' ? `by ${plain(by)}` : ''}
        {typeof why === 'string' ? `: ${plain(why)}` : ''}
      </span>
    </li>
  );
}

/** `9:46`, `1:02:03` */
function clock(ms: number): string {
  const seconds = Math.ceil(ms / SECOND_MS);
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (value: number): string => String(value).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
