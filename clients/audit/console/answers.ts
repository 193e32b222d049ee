/**
 * What the console's process answers and the page shows. Declared once, for both. Types only, and no import: the page is
 * compiled without Node.
 */

/** One record of the log, as it stands there. */
export type Rec = { readonly [key: string]: unknown };

/** `/api/state`, and each event of `/api/live`. */
export interface LiveState {
  readonly records: number;
  readonly isComplete: boolean;
  /** Lines that are not records. */
  readonly malformed: number;
  /** How far the first reading of the log has come. */
  readonly reading: { readonly bytes: number; readonly total: number };
  /** While it lasts, answers are about so many newest records. Null: about all that have been read. */
  readonly newest: number | null;
  /** A process writes the log. */
  readonly isLive: boolean;
  readonly directory: string;
  /** This console was started by an auditor with a folder for cases. */
  readonly mayMakeCases: boolean;
  readonly keys: readonly string[];
  readonly witnesses: WitnessesNamed;
}

export interface WitnessesNamed {
  /** Addresses, and files. */
  readonly places: readonly string[];
  /** They stand in the broker's configuration; false: the person who started the console named them. */
  readonly isConfigured: boolean;
  /** So many of them must have seen the log; 0: no number is asked for. */
  readonly quorum: number;
}

export interface Traffic {
  readonly messages: number;
  readonly bytes: number;
  readonly denied: number;
  /** Of the last half minute before the newest record, per second. */
  readonly messageRate: number;
  readonly byteRate: number;
}

export interface PairTraffic extends Traffic {
  readonly src: string;
  readonly dst: string;
}

export interface Unit {
  /** `domain:NAME`, `label:LABEL`, `rest:LABEL`: a domain may be called like a label. */
  readonly id: string;
  readonly kind: 'domain' | 'label' | 'rest';
  /** Of the domain, or the label; empty: domains without a label. */
  readonly name: string;
  /** The first label, by which units are grouped. */
  readonly label: string;
  readonly labels: readonly string[];
  /** Domains that it stands for, and those of them that are connected. */
  readonly domains: number;
  readonly connected: number;
  /** Events of its domains that were refused. */
  readonly refused: number;
}

export interface Arrow extends Traffic {
  /** Ids of units; equal: between domains of one label. */
  readonly from: string;
  readonly to: string;
  /** Pairs of domains that it stands for. */
  readonly pairs: number;
}

export interface MapNow {
  readonly units: readonly Unit[];
  readonly arrows: readonly Arrow[];
  /** Arrows that are not drawn. */
  readonly hidden: number;
  /** The label whose domains are drawn; null: none, or all. */
  readonly open: string | null;
}

/** `/api/now` */
export interface NowAnswer {
  /** Milliseconds since 1970, of the newest record; the window ends there. */
  readonly until: number;
  readonly windowMs: number;
  readonly domains: number;
  readonly connected: number;
  readonly map: MapNow;
  /** The busiest flows between domains, those with denials first; with a focus, only its own. */
  readonly flows: readonly PairTraffic[];
  readonly moreFlows: number;
  /** Sums of the window, and the present rates. */
  readonly messages: number;
  readonly bytes: number;
  readonly denied: number;
  readonly messageRate: number;
  readonly byteRate: number;
  readonly allowedOverTime: readonly number[];
  readonly deniedOverTime: readonly number[];
  /** The newest refusals, newest first. */
  readonly refusals: readonly Rec[];
  /** `grant.add` records that no later record ended. */
  readonly grants: readonly Rec[];
  readonly revision: number | null;
  readonly policy: string | null;
  /** Policies that were refused since the one in force. */
  readonly rejected: number;
  /** Times at which the log could not be written. */
  readonly gaps: number;
  /** The last start of the broker was not followed by a stop. */
  readonly isStarted: boolean;
  /** A process writes the log. */
  readonly isLive: boolean;
  /** Records that the newest checkpoint covers. */
  readonly signed: number | null;
}

export interface Facet {
  readonly field: string;
  readonly values: readonly { readonly value: string; readonly count: number }[];
  /** Values that are not listed. */
  readonly more: number;
}

/** `/api/history` */
export interface HistoryAnswer {
  readonly total: number;
  readonly matched: number;
  readonly from: number;
  readonly stepMs: number;
  readonly allowed: readonly number[];
  readonly denied: readonly number[];
  readonly other: readonly number[];
  readonly facets: readonly Facet[];
}

/** `/api/records` */
export interface RecordsAnswer {
  readonly matched: number;
  readonly skip: number;
  readonly records: readonly Rec[];
}

/** `/api/record/SEQ` */
export interface RecordAnswer {
  readonly record: Rec;
}

/** `/api/seqs` */
export interface SeqsAnswer {
  readonly seqs: readonly number[];
}

/** `/api/complete` */
export interface Completion {
  /** The part of the question that an option replaces. */
  readonly from: number;
  readonly to: number;
  readonly options: readonly string[];
}

export type ReportName = 'first-seen' | 'probes' | 'opened' | 'way';

/** `/api/report`: the story that records tell together. */
export interface ReportAnswer {
  /** `record`: the cells are numbers of records. */
  readonly columns: readonly { readonly name: string; readonly kind: 'text' | 'number' | 'record' }[];
  readonly rows: readonly (readonly (string | number)[])[];
  /** Rows, with those that the answer leaves out. */
  readonly total: number;
  /** Domains that can be chosen as the ends of a way. */
  readonly domains: readonly string[];
}

/** Why a record was decided so. */
export type Why =
  /** The record states a fact. */
  | { readonly by: 'no decision' }
  /** The message was refused for what it held. */
  | { readonly by: 'message' }
  /** The policy of that time is not known, or the archive no longer has it. */
  | { readonly by: 'unknown policy'; readonly problem: string }
  | {
      readonly by: 'rows';
      readonly policy: string;
      /** The row in its file as it was, with those around it. Null: no row decided. */
      readonly row: RowInFile | null;
      /** `chrome-vm is @app` */
      readonly labels: readonly string[];
      readonly nearMisses: readonly { readonly row: string; readonly differsIn: string; readonly because: string }[];
      /** What else a message of this class needs. */
      readonly needs: readonly { readonly what: string; readonly allowed: boolean }[];
      /** In which respects the archived policy decides otherwise than the record says. */
      readonly differences: readonly string[];
    };

export interface RowInFile {
  readonly text: string;
  readonly file: string;
  readonly lines: readonly { readonly number: number; readonly text: string; readonly isIt: boolean }[];
}

/** `/api/context/SEQ` */
export interface ContextAnswer {
  readonly why: Why;
  /** Of the same domain before and after it, the oldest first. */
  readonly neighbours: readonly Rec[];
}

export interface MatrixAccess {
  readonly source: string;
  readonly destination: string;
  readonly className: string;
  readonly permission: string;
  readonly state: 'used' | 'unused' | 'tried';
  readonly allowed: number;
  readonly denied: number;
}

interface RevisionEntry {
  readonly seq: number;
  readonly time: string;
  readonly revision: number;
  readonly cause: string;
  readonly by: string;
  readonly why: string;
}

/** `/api/policy` */
export interface PolicyAnswer {
  readonly revisions: readonly RevisionEntry[];
  /** Null: the candidate. */
  readonly shown: number | null;
  readonly hasCandidate: boolean;
  readonly hash: string;
  readonly grants: readonly string[];
  readonly domains: readonly { readonly name: string; readonly labels: readonly string[] }[];
  readonly accesses: readonly MatrixAccess[];
  readonly rules: readonly { readonly text: string; readonly times: number; readonly sources: readonly string[] }[];
  /** Each line of assertions.csv, with what was counted for it. */
  readonly assertions: readonly {
    readonly line: number;
    readonly text: string;
    readonly holds: boolean;
    readonly proof: string;
  }[];
  /** What it allows that the one before did not, and the other way round. Null: there is none before, or no longer. */
  readonly changes: { readonly total: number; readonly lines: readonly string[] } | null;
  /** Requests of the log that it would decide otherwise. */
  readonly otherwise: readonly string[];
}

/** `/api/checkpoint` */
export interface CheckpointAnswer {
  /** Null: the log was never signed. */
  readonly note: string | null;
}

/** Event `progress` of `/api/verify`. */
export interface VerifyProgress {
  readonly bytes: number;
  readonly total: number;
}

/** Event `result` of `/api/verify`. */
export interface VerifyAnswer {
  readonly ok: boolean;
  readonly records: number;
  readonly segments: number;
  readonly head: string;
  readonly problems: readonly {
    readonly segment: number;
    readonly line: number;
    readonly code: string;
    readonly finding: string;
    readonly message: string;
  }[];
  readonly problemCount: number;
  readonly uncleanShutdowns: number;
  readonly gaps: number;
  readonly lost: number;
  readonly live: boolean;
  readonly prunedRecords: number;
  readonly witnesses: readonly {
    readonly from: string;
    readonly name: string | null;
    readonly size: number;
    readonly cosignedAt: number | null;
  }[];
  /** Those of them that count for the quorum. */
  readonly seenBy: readonly string[];
  /** Witnesses that did not answer, or are not trusted. */
  readonly silent: readonly { readonly place: string; readonly reason: string }[];
  readonly checkpoints: {
    readonly count: number;
    readonly covered: number;
    readonly uncovered: number;
    readonly key: 'given' | 'beside the log' | 'none';
    readonly keyName: string | null;
    /** Records of the remembered checkpoint, which are all there; null: none was given, or it does not match. */
    readonly since: number | null;
  };
}

interface CaseHead {
  readonly name: string;
  readonly by: string;
  readonly made: string;
  readonly note: string;
  readonly question: string;
  readonly isRecorded: boolean;
}

/** `/api/cases` */
export interface CasesAnswer {
  /** Null: the console was started without an identity. */
  readonly author: { readonly name: string; readonly role: string } | null;
  readonly mayMake: boolean;
  readonly total: number;
  readonly cases: readonly {
    readonly file: string;
    readonly bytes: number;
    readonly head: (CaseHead & { readonly records: number }) | null;
  }[];
}

export interface ShownCase extends CaseHead {
  readonly ok: true;
  readonly origin: string;
  readonly size: number;
  readonly lines: readonly { readonly seq: number; readonly fields: Rec }[];
  readonly remarks: readonly { readonly seq: number; readonly text: string }[];
}

/** `/api/case/FILE`: checked again, with the keys of this console. */
export interface OpenedAnswer {
  readonly isKeyGiven: boolean;
  readonly verdict:
    | ShownCase
    | {
        readonly ok: false;
        readonly reason: string;
        readonly record?: number | undefined;
        readonly why?: string | undefined;
      };
  /** The verdict's reason in words; empty: it holds. */
  readonly fault: string;
}

/** A new case: the body of a POST to `/api/cases`, and the answer. */
export interface NewCase {
  readonly name: string;
  readonly note: string;
  readonly question: string;
  readonly seqs: readonly number[];
  readonly remarks: readonly { readonly seq: number; readonly text: string }[];
}

export interface MadeAnswer {
  readonly file: string;
}

/** An answer with a status of 400. */
export interface FaultAnswer {
  readonly error: string;
  readonly code: string;
}
