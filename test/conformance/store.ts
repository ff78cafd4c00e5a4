import { storeAuditSuite } from './store-audit.ts'
import { storeCopiesSuite } from './store-copies.ts'
import { storeFleetSuite } from './store-fleet.ts'
import { storeJobsSuite } from './store-jobs.ts'
import { storeLeavingSuite } from './store-leaving.ts'
import { storePagingSuite } from './store-paging.ts'
import { storePruningSuite } from './store-pruning.ts'
import { storeTellingSuite } from './store-telling.ts'
import { storeTrendsSuite } from './store-trends.ts'
import { storeTrustSuite } from './store-trust.ts'
import type { MakeStore } from './store-under-test.ts'
import { storeWriterSuite } from './store-writer.ts'

/** What every store must do, whatever database it lies in. */
export function storeConformance(make: MakeStore): void {
  storeWriterSuite(make)
  storeJobsSuite(make)
  storeFleetSuite(make)
  storeTrendsSuite(make)
  storeCopiesSuite(make)
  storeLeavingSuite(make)
  storeTellingSuite(make)
  storeTrustSuite(make)
  storeAuditSuite(make)
  storePagingSuite(make)
  storePruningSuite(make)
}
