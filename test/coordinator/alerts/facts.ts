import {
  type AlertFact,
  type AlertRules,
  alertRules,
  type RecordContext,
} from '../../../coordinator/alerts/index.ts'
import { newId } from '../../../shared/clock/index.ts'

/** Every channel is told of everything, at once unless `over` says otherwise. */
export const telling = (channels: readonly string[], over: Partial<AlertRules> = {}): RecordContext => ({
  rules: alertRules({
    channels,
    groupWait: 0,
    flapping: { openings: 100, within: 1, settle: 1 },
    ...over,
  }),
  newAlertId: () => newId('alert'),
})

const dead = {
  kind: 'protection',
  name: 'orders/shop',
  breached: true,
  reason: 'overdue',
  detail: 'last good data of yesterday',
} as const

/** A breach of database `id`. */
export const breach = (id = 'dbs_1'): AlertFact => ({ ...dead, databaseId: id })

/** Its end. */
export const kept = (id = 'dbs_1'): AlertFact => ({
  ...dead,
  databaseId: id,
  breached: false,
  reason: '',
  detail: '',
})

export const failedJob: AlertFact = {
  kind: 'job-failed-finally',
  jobId: 'job_1',
  jobKind: 'backup',
  subject: 'dbs_1',
  subjectName: 'orders/shop',
  code: 'stage.failed',
  message: 'a stage of the pipeline failed',
}

export const succeededJob: AlertFact = {
  kind: 'job-succeeded',
  jobKind: 'backup',
  subject: 'dbs_1',
  subjectName: 'orders/shop',
}

export const silentAgent = (silent: boolean): AlertFact => ({
  kind: 'agent',
  agentId: 'agt_1',
  hostname: 'host7',
  silent,
  lastSeenAt: 1_800_000_000_000,
})
