import type { Duration } from '../../shared/time/index.ts'
import { post, targetOf } from './http.ts'
import type { Notifier } from './notifier.ts'
import type { AlertPayload } from './payload.ts'
import { noUrl } from './webhook.ts'
import { detailsOf, explainedOf, headOf, short } from './words.ts'

/** An incoming webhook of Slack; its URL is the secret. */
export interface SlackOptions {
  readonly name: string
  readonly url: string
  readonly timeout: Duration
}

/**
 * Slack: one message for each event, in blocks, with a plain text for notifications. Slack knows no idempotency: a
 * message whose answer was lost can appear twice; the alert's id is in its last line.
 *
 * @throws AppError `config.invalid` when the URL is none of http or https
 */
export function createSlack({ name, url, timeout }: SlackOptions): Notifier {
  const target = targetOf(url)
  if (target === undefined) throw noUrl('Slack channel', name)
  return {
    name,
    deliver: ({ payload, idempotencyKey }, signal) =>
      post({
        url: target.url,
        headers: { ...target.headers, 'Content-Type': 'application/json; charset=utf-8' },
        body: JSON.stringify(slackMessage(payload, idempotencyKey)),
        timeout,
        signal,
        tellWord: true,
      }),
  }
}

const marks = { critical: ':rotating_light:', warning: ':warning:', info: ':information_source:' } as const

/** The message, within Slack's limits: header 150 characters, section 3,000, ten fields of 2,000. */
export function slackMessage(payload: AlertPayload, idempotencyKey: string) {
  const { event, alert } = payload
  const mark = event === 'resolved' || event === 'notice' ? ':white_check_mark:' : marks[alert.severity]
  const head = headOf(payload)
  const explained = explainedOf(payload)
  return {
    text: short(`${head}: ${escaped(alert.summary)}`, 3_000),
    blocks: [
      {
        type: 'header',
        text: { type: 'plain_text', text: short(`${head}: ${alert.kind}`, 150), emoji: true },
      },
      section(`${mark} ${short(escaped(alert.summary), 2_900)}`),
      {
        type: 'section',
        fields: detailsOf(payload)
          .slice(0, 10)
          .map(([key, value]) => mrkdwn(`*${escaped(key)}*\n${short(escaped(value), 1_800)}`)),
      },
      ...(explained.length === 0
        ? []
        : [section(short(`*Explains*\n${explained.map(line => `• ${escaped(line)}`).join('\n')}`, 2_900))]),
      { type: 'context', elements: [mrkdwn(`Holdfast · ${escaped(idempotencyKey)}`)] },
    ],
  }
}

function section(text: string) {
  return { type: 'section', text: mrkdwn(text) }
}

function mrkdwn(text: string) {
  return { type: 'mrkdwn', text }
}

/** The three characters Slack gives a meaning: a database's name must not ping a channel. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
