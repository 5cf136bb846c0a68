// Numbers and times for operators. Times are in UTC, as in the log.

export function milliseconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 10) return `${value.toFixed(1)} ms`;
  if (value < 1000) return `${Math.round(value)} ms`;
  return seconds(value / 1000);
}

export function seconds(value) {
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 100) return `${Math.round(value)} s`;
  if (value < 6000) return `${Math.round(value / 60)} min`;
  return `${Math.round(value / 3600)} h`;
}

export function perSecond(rate) {
  if (rate === null || rate === undefined) return "–";
  return rate > 0 && rate < 10 ? rate.toFixed(1) : `${Math.round(rate)}`;
}

export const ago = (since) => `${Math.max(0, Math.round((Date.now() - since) / 1000))} s ago`;

export const clock = (time) => `${time.slice(0, 10)} ${time.slice(11, 19)} UTC`;

export const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

export const range = (low, high) => (low === high ? `${low}` : `${low} to ${high}`);
