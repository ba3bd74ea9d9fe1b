/** Nights that a room of the hotel system can be booked for: its scripts ask for past ones too. */
export const roomNights = { first: '2000-01-01', end: '2100-01-01', timeZone: 'Asia/Seoul' } as const;
