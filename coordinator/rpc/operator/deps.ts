import type { Identities } from '../../identity/identities.ts'
import type { Operations } from '../../operations/index.ts'
import type { Store } from '../../store/port.ts'

/** What the operator service works with. */
export interface OperatorDeps {
  readonly store: Store
  readonly operations: Operations
  readonly identities: Identities
}
