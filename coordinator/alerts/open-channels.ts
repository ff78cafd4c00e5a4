import { readFile } from 'node:fs/promises'
import type { Clock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import { readSecret, type SecretSource } from '../../shared/secrets/index.ts'
import type { Duration } from '../../shared/time/index.ts'
import { createAlertmanager } from './alertmanager.ts'
import { createEmail } from './email.ts'
import type { Delivery, Notifier } from './notifier.ts'
import { createPagerDuty } from './pagerduty.ts'
import { createSlack } from './slack.ts'
import { createWebhook } from './webhook.ts'

type Maybe<T> = T | undefined

/** A channel as configured: secrets are told by where they come from. */
export type ChannelSpec = { readonly name: string; readonly timeout: Duration } & (
  | {
      readonly kind: 'webhook'
      readonly url?: Maybe<string>
      readonly url_file?: Maybe<SecretSource>
      readonly secret_file?: Maybe<SecretSource>
    }
  | { readonly kind: 'slack'; readonly url?: Maybe<string>; readonly url_file?: Maybe<SecretSource> }
  | {
      readonly kind: 'email'
      readonly host: string
      readonly port?: Maybe<number>
      readonly tls: 'starttls' | 'implicit' | 'none'
      readonly ca_file?: Maybe<string>
      readonly user?: Maybe<string>
      readonly password_file?: Maybe<SecretSource>
      readonly from: string
      readonly to: readonly string[]
    }
  | { readonly kind: 'pagerduty'; readonly key_file: SecretSource; readonly url: string }
  | {
      readonly kind: 'alertmanager'
      readonly url: string
      readonly user?: Maybe<string>
      readonly password_file?: Maybe<SecretSource>
    }
)

const usualPorts = { starttls: 587, implicit: 465, none: 25 } as const

/**
 * Makes the channels, reading their secrets once so that what is wrong is told at the start; then anew for each
 * message, so that a rotated one needs no restart.
 *
 * @throws AppError `secret.*`, `config.invalid`
 */
export async function openChannels(
  specs: readonly ChannelSpec[],
  clock: Clock,
): Promise<ReadonlyMap<string, Notifier>> {
  const notifiers = new Map<string, Notifier>()
  for (const spec of specs) notifiers.set(spec.name, rotating(spec, await open(spec, clock), clock))
  return notifiers
}

/** The same channel, opened with the secrets as they are when something is sent. */
function rotating(spec: ChannelSpec, first: Notifier, clock: Clock): Notifier {
  const send = async (say: (now: Notifier) => Promise<Delivery>): Promise<Delivery> => {
    let now: Notifier
    try {
      now = await open(spec, clock)
    } catch (thrown) {
      const { code, message } = AppError.from(thrown)
      return { kind: 'failed', error: `${message} (${code})`, definite: true }
    }
    return say(now)
  }
  const { repeat } = first
  return {
    ...first,
    deliver: (notification, signal) => send(now => now.deliver(notification, signal)),
    ...(repeat === undefined
      ? {}
      : {
          repeat: {
            every: repeat.every,
            send: (payloads, signal) => send(now => (now.repeat ?? repeat).send(payloads, signal)),
          },
        }),
  }
}

async function open(spec: ChannelSpec, clock: Clock): Promise<Notifier> {
  const { name, timeout } = spec
  switch (spec.kind) {
    case 'webhook': {
      const secret = await secretOf(spec.secret_file)
      const url = await urlOf(spec)
      return createWebhook({ name, url, timeout, ...(secret === undefined ? {} : { secret }) })
    }
    case 'slack':
      return createSlack({ name, url: await urlOf(spec), timeout })
    case 'email': {
      const { host, tls, from, to, user } = spec
      const password = await secretOf(spec.password_file)
      const ca = spec.ca_file === undefined ? undefined : await certificates(spec.ca_file)
      return createEmail({
        ...{ name, host, tls, from, to, timeout, port: spec.port ?? usualPorts[tls] },
        ...(ca === undefined ? {} : { ca }),
        ...(user === undefined ? {} : { user }),
        ...(password === undefined ? {} : { password }),
      })
    }
    case 'pagerduty':
      return createPagerDuty({ name, timeout, url: spec.url, key: await readSecret(spec.key_file) })
    case 'alertmanager': {
      const password = await secretOf(spec.password_file)
      return createAlertmanager({
        ...{ name, timeout, url: spec.url, now: () => clock.now().wall },
        ...(spec.user === undefined ? {} : { user: spec.user }),
        ...(password === undefined ? {} : { password }),
      })
    }
  }
}

async function urlOf({
  url,
  url_file: file,
}: {
  readonly url?: Maybe<string>
  readonly url_file?: Maybe<SecretSource>
}): Promise<string> {
  return url ?? (await secretOf(file)) ?? ''
}

async function secretOf(file: Maybe<SecretSource>): Promise<Maybe<string>> {
  return file === undefined ? undefined : readSecret(file)
}

async function certificates(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (thrown) {
    throw new AppError('config.invalid', {
      message: 'a file of certificates cannot be read',
      context: { path },
      cause: thrown,
    })
  }
}
