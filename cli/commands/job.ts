import type { Command } from 'commander'
import type { Field } from '../../shared/wire/gen/holdfast/v1/common.ts'
import { type Decision, type GetJobResponse, Job } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, noun, type Terminal } from '../command.ts'
import { list, paged, selected, selectorOf } from '../list.ts'
import { mutating, mutationOf } from '../mutation.ts'
import { story } from '../print/story.ts'
import { atWords, card, table } from '../print/table.ts'
import { ago, bytes, instant, shortDuration } from '../print/units.ts'
import { inTime, stretchOf } from '../time-options.ts'
import { follow, waitExits, waitFor, waitOption } from '../wait.ts'
import { watchOption } from '../watch.ts'
import { jobTable } from './job-table.ts'
import { observedFields, progressWords } from './observed.ts'

/** `holdfast job list|get|watch|start|cancel|explain`. */
export function jobCommand(terminal: Terminal): Command {
  return noun('job', 'units of work', [
    listing(terminal),
    get(terminal),
    watch(terminal),
    start(terminal),
    cancel(terminal),
    explain(terminal),
  ])
}

function listing(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'list',
      summary: 'list jobs, newest first',
      examples: [
        'holdfast job list',
        'holdfast job list --state failed --kind backup --since 24h',
        "holdfast job list --selector 'service=orders-*,datacenter=ams'",
      ],
    },
    command =>
      inTime(selected(paged(command)))
        .option('--state <state>', 'queued, assigned, running, cancelling, succeeded, failed, cancelled')
        .option('--kind <kind>', 'backup, restore, delete, copy, verify')
        .option('--database <database>', 'database id, name, or service/name'),
    async (session, _args, options) => {
      const words = Object.fromEntries(
        ['state', 'kind', 'database'].map(key => [key, options[key] as string | undefined]),
      )
      const filter = { ...words, ...selectorOf(options), ...stretchOf(options, terminal.now()) }
      await list(session, options, filter, request => session.coordinator.ask('listJobs', request), {
        rowsOf: answer => answer.jobs,
        key: 'jobs',
        like: Job.fromPartial({}),
        none: 'no job',
        table: rows => jobTable(rows, terminal),
      })
    },
  )
}

function get(terminal: Terminal): Command {
  return leaf(
    terminal,
    { name: 'get', summary: 'show one job with its attempts', examples: ['holdfast job get job_01890a5d-…'] },
    command => watchOption(command.argument('<job>', 'job id')),
    async ({ coordinator, print }, [jobId = '']) => {
      const answer = await coordinator.ask('getJob', { jobId })
      print(answer, () => jobCard(answer, terminal))
    },
  )
}

function watch(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'watch',
      summary: 'follow a job to its end: how far it is, how fast, and when it will be done',
      examples: ['holdfast job watch job_01890a5d-…'],
      exits: '0 it succeeded; 1 it failed or was cancelled',
    },
    command => command.argument('<job>', 'job id'),
    async (session, [jobId = '']) => {
      const { job } = await session.coordinator.ask('getJob', { jobId })
      if (job) await follow(session, job, job.state)
    },
  )
}

function start(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'start',
      summary: 'start a backup job for a database now',
      examples: ['holdfast job start orders --reason "before the migration" --wait'],
      exits: waitExits,
    },
    command => waitOption(mutating(command.argument('<database>', 'database id, name, or service/name'))),
    async (session, [database = ''], options) => {
      const answer = await session.coordinator.ask('startBackup', { database, ...mutationOf(options) })
      await waitFor(
        session,
        answer.job,
        options,
        answer.existing ? 'an open job for it was there already' : 'queued',
      )
    },
  )
}

function cancel(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'cancel',
      summary: 'cancel a job that has not ended',
      examples: ['holdfast job cancel job_01890a5d-… --reason "wrong database"'],
    },
    command => mutating(command.argument('<job>', 'job id')),
    async ({ coordinator, print }, [jobId = ''], options) => {
      const answer = await coordinator.ask('cancelJob', { jobId, ...mutationOf(options) })
      print(answer.job, () => `${jobId} is ${answer.job?.state ?? 'unknown'}`)
    },
  )
}

function explain(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'explain',
      summary: 'show why a job is where it is: every decision with its reasons',
      examples: ['holdfast job explain job_01890a5d-…'],
    },
    command => command.argument('<job>', 'job id'),
    async ({ coordinator, print }, [jobId = '']) => {
      const answer = await coordinator.ask('explainJob', { jobId })
      print(answer, () => {
        const head = answer.job
          ? `${answer.job.kind} of ${answer.job.subjectName}: ${answer.job.state}`
          : jobId
        const rows = story(
          answer.decisions.map(d => ({
            margin: `${instant(d.at)}  ${d.kind.padEnd(10)}  `,
            text: [where(d, jobId), d.text || d.code, ...d.numbers.map(shownNumber)]
              .filter(Boolean)
              .join(' '),
          })),
          terminal.width,
        )
        return `${atWords(head, terminal.width).join('\n')}\n\n${rows}`
      })
    },
  )
}

/** Where a decision is about, when that is not the job itself, and its code: reasons are codes and numbers. */
function where({ subject, code, text }: Decision, jobId: string): string {
  const place = subject === '' || subject === jobId ? '' : `${subject}: `
  return text === '' ? place.trimEnd() : `${place}[${code}]`
}

/** Instants as people read them, all else as it is. */
function shownNumber({ name, value }: Field): string {
  const at = /^(reserved_from|opens_at|not_before|due_at|deadline|other_deadline)$/.test(name)
  return `${name}=${at ? instant(Number(value)) : value}`
}

/** One job with its attempts. */
export function jobCard(answer: GetJobResponse, terminal: Pick<Terminal, 'now' | 'paint' | 'width'>): string {
  const { job } = answer
  if (!job) return ''
  const attempts = table(
    answer.attempts,
    [
      { heading: 'TRY', value: a => String(a.epoch), align: 'right' },
      { heading: 'HOST', value: a => a.agentHost, shrinkTo: 8 },
      { heading: 'ASSIGNED', value: a => instant(a.assignedAt) },
      {
        heading: 'TOOK',
        value: a => (a.endedAt > 0 && a.startedAt > 0 ? shortDuration(a.endedAt - a.startedAt) : '-'),
        align: 'right',
      },
      { heading: 'OUTCOME', value: a => a.outcome || 'open', paint: terminal.paint },
      {
        heading: 'FAILURE',
        value: a => (a.failure ? `${a.failure.code}: ${a.failure.message}` : '-'),
        shrinkTo: 16,
      },
    ],
    terminal.width,
  )
  return [
    card(jobFields(job, terminal), terminal.width),
    ...(answer.attempts.length > 0 ? [attempts] : []),
    ...hookTable(answer, terminal),
  ].join('\n\n')
}

/** What hosts ran around its attempts; nothing where no hook ran. */
function hookTable(
  { attempts }: GetJobResponse,
  { paint, width }: Pick<Terminal, 'paint' | 'width'>,
): readonly string[] {
  const runs = attempts.flatMap(({ epoch, hooks }) => hooks.map(run => ({ epoch, ...run })))
  if (runs.length === 0) return []
  return [
    table(
      runs,
      [
        { heading: 'TRY', value: r => String(r.epoch), align: 'right' },
        { heading: 'HOOK', value: r => r.name, shrinkTo: 8 },
        { heading: 'WHEN', value: r => r.moment },
        { heading: 'TOOK', value: r => shortDuration(r.durationMs), align: 'right' },
        { heading: 'OUTCOME', value: r => r.outcome, paint },
        { heading: 'DETAIL', value: r => r.detail.replaceAll(/\s+/g, ' ') || '-', shrinkTo: 16 },
      ],
      width,
    ),
  ]
}

function jobFields(
  job: Job,
  { now: clock, paint }: Pick<Terminal, 'now' | 'paint'>,
): Parameters<typeof card>[0] {
  const now = clock()
  return [
    ['job', job.jobId],
    ['kind', job.kind],
    ['subject', job.subjectName],
    ['into', job.into],
    ['destination', job.destination],
    ['state', job.state, paint],
    ['origin', [job.origin, job.requestedBy, job.reason].filter(Boolean).join(' · ')],
    ['created', instant(job.createdAt)],
    ['due', instant(job.dueAt)],
    [
      'not before',
      job.state === 'queued' && job.notBefore > now
        ? `${instant(job.notBefore)} (${ago(job.notBefore, now)})`
        : '',
    ],
    ['agent', job.agentHost === '' ? '' : `${job.agentHost} (${job.agentId})`],
    ['attempt', job.attemptId === '' ? '' : `${job.attemptId}, epoch ${job.epoch}`],
    ['progress', job.progress ? progressWords(job.progress) : ''],
    ['took', job.endedAt > 0 && job.startedAt > 0 ? shortDuration(job.endedAt - job.startedAt) : ''],
    ['bytes', job.rawBytes > 0 ? `${bytes(job.rawBytes)} raw, ${bytes(job.storedBytes)} stored` : ''],
    ...observedFields(job.observed, job),
    ['backup', job.backupId],
    ['failure', job.failure ? `${job.failure.code}: ${job.failure.message}` : ''],
    ['hint', job.failure?.hint ?? ''],
    ['context', job.failure?.context.map(field => `${field.name}=${field.value}`).join(' ') ?? ''],
  ]
}
