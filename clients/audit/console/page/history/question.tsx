/** The field for a question, with completion: fields, operators, and values that the log has. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Completion } from '../../answers.ts';
import { ask } from '../api.tsx';
import { plain } from '../text.tsx';

interface Props {
  readonly question: string;
  readonly isWrong: boolean;
  readonly onAsk: (question: string) => void;
}

const NOTHING: Completion = { from: 0, to: 0, options: [] };

export function QuestionBox({ question, isWrong, onAsk }: Props) {
  const [draft, setDraft] = useState(question);
  const [completion, setCompletion] = useState(NOTHING);
  const [active, setActive] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const asking = useRef<AbortController | null>(null);
  const close = (): void => {
    asking.current?.abort();
    setCompletion(NOTHING);
    setActive(-1);
  };
  // Before the painting: what a person types into the field that is seen stays.
  useLayoutEffect(() => {
    setDraft(question);
    close();
  }, [question]);
  const complete = (text: string, at: number): void => {
    asking.current?.abort();
    asking.current = new AbortController();
    const query = new URLSearchParams({ q: text, at: String(at) });
    ask<Completion>(`/api/complete?${query}`, asking.current.signal).then(
      (found) => {
        setCompletion(found);
        setActive(-1);
      },
      () => undefined,
    );
  };
  const take = (option: string): void => {
    const text = draft.slice(0, completion.from) + option + draft.slice(completion.to);
    const at = completion.from + option.length;
    setDraft(text);
    close();
    // The field has its new text after the next rendering.
    requestAnimationFrame(() => {
      input.current?.focus();
      input.current?.setSelectionRange(at, at);
    });
    if (/[=(~<>]$/.test(option)) complete(text, at);
  };
  const { options } = completion;
  const onKeyDown = (event: KeyboardEvent): void => {
    if (options.length === 0) return;
    if (event.key === 'ArrowDown') setActive((active + 1) % options.length);
    else if (event.key === 'ArrowUp') setActive((active <= 0 ? options.length : active) - 1);
    else if (event.key === 'Escape') close();
    else if (event.key === 'Enter' && active >= 0) take(options[active] ?? '');
    else return;
    event.preventDefault();
  };
  return (
    <form
      class="question"
      onSubmit={(event) => {
        event.preventDefault();
        close();
        onAsk(draft.trim());
      }}
    >
      <label>
        Question
        <input
          ref={input}
          type="text"
          name="question"
          role="combobox"
          aria-expanded={options.length > 0}
          aria-controls="completion"
          aria-autocomplete="list"
          aria-activedescendant={active >= 0 ? `option-${active}` : undefined}
          value={draft}
          placeholder="decision=deny src=chrome-vm since=today"
          spellcheck={false}
          autocomplete="off"
          aria-invalid={isWrong}
          onInput={(event) => {
            const { value, selectionStart } = event.currentTarget;
            setDraft(value);
            complete(value, selectionStart ?? value.length);
          }}
          onKeyDown={onKeyDown}
          onBlur={close}
        />
      </label>
      <button type="submit" class="main">
        Ask
      </button>
      {question !== '' && (
        <button type="button" class="quiet" onClick={() => onAsk('')}>
          Clear
        </button>
      )}
      <div id="completion" role="listbox" aria-label="Completions" class="completion" hidden={options.length === 0}>
        {options.map((option, at) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field keeps the focus and has the keys
          // biome-ignore lint/a11y/useFocusableInteractive: aria-activedescendant of the field
          <div
            key={option}
            id={`option-${at}`}
            role="option"
            aria-selected={at === active}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => take(option)}
          >
            {plain(option)}
          </div>
        ))}
      </div>
    </form>
  );
}
