/*
 * Records and changes of keys of docs/wire.md, one direction, against an attacker who owns the wire.
 *
 * Seals are perfect: a record opens only under the key that sealed it, with the header that it was sealed with. The key of
 * an epoch is computed from the one before, one way. The attacker keeps and repeats everything, and at some moment it may
 * get the sender's memory: the secret of the present epoch, and so all later ones up to a fresh key agreement, which it
 * only hears. Then it seals what it likes.
 *
 * Build with -DWEAK_... for a rule that is missing: spin must find an attack.
 */
#define RECORDS 4
#define EPOCHS 3
#define NONE 255
#define FORGED 99

/* What was sealed, in order: its epoch and sequence, and that it is the n-th thing said. */
byte epochOf[RECORDS];
byte sequenceOf[RECORDS];
byte sealed;
/* The key of an epoch is bound to the number of records in the one before, which each side counts. */
byte recordsIn[EPOCHS];

byte epoch;             /* of the sender */
byte sequence;          /* of the sender's next record */
byte leakedFrom = NONE; /* the attacker knows the keys of this epoch and of later ones, as far as the ratchet leads */
bool isFresh[EPOCHS];   /* the keys of this epoch come from a fresh agreement */

/* A fresh agreement lies between the leak and the epoch. */
#ifdef WEAK_RATCHET_ONLY
#define IS_HEALED(e) (false)
#else
#define IS_HEALED(e) ((isFresh[1] && leakedFrom < 1 && (e) >= 1) || (isFresh[2] && leakedFrom < 2 && (e) >= 2))
#endif

byte opened;            /* records that the receiver has opened */
byte nowEpoch;          /* of the receiver */
byte expected;          /* the receiver's next sequence */

#ifdef WEAK_TWO_WAY
#define KNOWS(e) (leakedFrom != NONE)
#else
#define KNOWS(e) (leakedFrom != NONE && (e) >= leakedFrom && !IS_HEALED(e))
#endif

#ifdef WEAK_ANY_LATER
#define IS_NEXT(e, s) (((e) == nowEpoch && (s) >= expected) || ((e) == nowEpoch + 1))
#else
#ifdef WEAK_ANY_SEQUENCE
#define IS_NEXT(e, s) ((e) == nowEpoch || ((e) == nowEpoch + 1 && (s) == 0))
#else
#define IS_NEXT(e, s) (((e) == nowEpoch && (s) == expected) || ((e) == nowEpoch + 1 && (s) == 0))
#endif
#endif

/* The receiver computes the next key from the records that it has opened: another number, another key. */
#ifdef WEAK_UNCOUNTED
#define HAS_KEY(e) (1)
#else
#define HAS_KEY(e) ((e) == nowEpoch || recordsIn[nowEpoch] == expected)
#endif

proctype Sender() {
  byte other;
  do
  :: sealed == RECORDS -> break
  :: atomic {
       sealed < RECORDS && epoch < EPOCHS - 1 ->
#ifndef WEAK_SAME_KEY
       epoch++;
       if
       :: isFresh[epoch] = true
       :: skip
       fi;
#endif
       sequence = 0
     }
  :: atomic {
       sealed < RECORDS ->
       epochOf[sealed] = epoch;
       sequenceOf[sealed] = sequence;
       /* A key and a nonce never meet twice. */
       for (other : 0 .. RECORDS - 1) {
         assert(!(other < sealed && epochOf[other] == epoch && sequenceOf[other] == sequence))
       }
       sequence++;
       recordsIn[epoch] = sequence;
       sealed++;
       /* What is sealed after a fresh agreement is closed to a thief of the keys before it. */
       assert(!(leakedFrom < epoch && isFresh[epoch] && KNOWS(epoch)))
     }
  od
}

proctype Leak() {
  atomic {
    leakedFrom = epoch;
    /* What was sealed under earlier keys stays closed. */
    byte before;
    for (before : 0 .. EPOCHS - 1) { assert(!(before < leakedFrom && KNOWS(before))) }
  }
}

/* The attacker delivers any record that was sealed, again and in any order, or one of its own. */
proctype Receiver() {
  byte index, e, s, what;
  do
  :: atomic {
       select(index : 0 .. RECORDS - 1);
       if
       :: index < sealed -> e = epochOf[index]; s = sequenceOf[index]; what = index
       :: KNOWS(nowEpoch) -> e = nowEpoch; s = expected; what = FORGED
       :: KNOWS(nowEpoch + 1) -> e = nowEpoch + 1; s = 0; what = FORGED
#ifdef WEAK_NO_TAG
       :: e = nowEpoch; s = expected; what = FORGED
#endif
       fi;
       if
       :: IS_NEXT(e, s) && HAS_KEY(e) ->
         if
         :: what == FORGED -> assert(KNOWS(e)); break /* past a leak nothing is promised */
         :: else
         fi;
         /* Exactly what was said, in this order, each once: nothing is left out, repeated or moved. */
         assert(what == opened);
         opened++;
         if
         :: e == nowEpoch -> expected = s + 1
         :: else -> nowEpoch = e; expected = 1
         fi
       :: else -> break /* a fault is final */
       fi
     }
  :: opened == RECORDS -> break
  od
}

init {
  atomic {
    run Sender();
    run Receiver();
    if
    :: run Leak()
    :: skip
    fi
  }
}
