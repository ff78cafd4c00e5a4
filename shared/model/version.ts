/** The version of Holdfast: that of package.json (a test compares them). */
export const version = '0.1.0'

/** The version of the control link's protocol; N−2 is served. */
export const protocolVersion = 1
