import { v7 } from 'uuid'
import { type IdKind, type IdOf, idFrom } from '../model/identifiers.ts'

/** A new identifier of `kind`. Randomness and clock are ambient, hence outside the pure rooms. */
export function newId<K extends IdKind>(kind: K): IdOf<K> {
  return idFrom(kind, v7())
}
