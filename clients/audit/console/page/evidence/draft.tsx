/** The case that is being put together: which records, and what is said about them. It outlives a reload of the page. */
import { useEffect, useState } from 'preact/hooks';

export interface Draft {
  readonly name: string;
  readonly note: string;
  /** What selected exactly these records; empty: they were chosen by hand, or by several questions. */
  readonly question: string;
  readonly seqs: readonly number[];
  readonly remarks: Readonly<Record<string, string>>;
}

const EMPTY: Draft = { name: '', note: '', question: '', seqs: [], remarks: {} };
const KEY = 'case';

let draft: Draft = kept();
const listeners = new Set<(draft: Draft) => void>();

export function useDraft(): Draft {
  const [value, setValue] = useState(draft);
  useEffect(() => {
    listeners.add(setValue);
    return () => void listeners.delete(setValue);
  }, []);
  return value;
}

export function changeDraft(change: Partial<Draft>): void {
  draft = { ...draft, ...change };
  sessionStorage.setItem(KEY, JSON.stringify(draft));
  for (const listener of listeners) listener(draft);
}

export function clearDraft(): void {
  changeDraft(EMPTY);
}

/** A choice by hand: the question no longer says what is in the case. */
export function choose(seq: number, isChosen: boolean): void {
  const seqs = draft.seqs.filter((one) => one !== seq);
  const { [String(seq)]: said = '', ...remarks } = draft.remarks;
  if (isChosen) changeDraft({ seqs: [...seqs, seq].sort((a, b) => a - b), question: '' });
  else changeDraft({ seqs, question: '', remarks: said === '' ? draft.remarks : remarks });
}

/** All records that answer a question. The question is kept only if nothing else is in the case. */
export function chooseAll(more: readonly number[], question: string): void {
  const isAll = draft.seqs.length === 0 || (draft.question === question && question !== '');
  const seqs = [...new Set([...draft.seqs, ...more])].sort((a, b) => a - b);
  changeDraft({ seqs, question: isAll ? question : '' });
}

export function remark(seq: number, text: string): void {
  changeDraft({ remarks: { ...draft.remarks, [String(seq)]: text } });
}

function kept(): Draft {
  try {
    return { ...EMPTY, ...JSON.parse(sessionStorage.getItem(KEY) ?? '{}') };
  } catch {
    return EMPTY;
  }
}
