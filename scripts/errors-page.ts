import { type ErrorTraits, errorCodes } from '../shared/errors/index.ts'

const retries = {
  backoff: 'by itself, later',
  'after-fix': 'once somebody changed something',
  never: 'no',
} as const

/** docs/reference/errors.md: every code a person can meet, from the registry. */
export function errorsPage(): string {
  const codes = Object.entries<ErrorTraits>(errorCodes).sort(([a], [b]) => (a < b ? -1 : 1))
  return [
    '# Errors',
    '',
    'Made from `shared/errors/codes.ts` by `npm run gen`. A code is API: scripts may depend on it, and on the exit status.',
    'The context of an error (which host, which key, which stage) is printed below its message.',
    '',
    ...codes.flatMap(([code, traits]) => [
      `## \`${code}\``,
      '',
      `${sentence(traits.message)} **${traits.hint}**`,
      '',
      `Exit status ${traits.exit} · gRPC ${traits.grpc} · does trying again help: ${retries[traits.retry]}.`,
      '',
    ]),
  ].join('\n')
}

function sentence(message: string): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`
}
