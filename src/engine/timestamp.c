/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/timestamp.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/number.h"
#include "base/str.h"

enum {
    SECONDS_PER_MINUTE = 60,
    SECONDS_PER_HOUR = 3600,
    SECONDS_PER_DAY = 86400,
    DAYS_PER_400_YEARS = 146097,
    DAYS_0000_TO_1970 = 719468, /* from 1 March of the year 0 */
    NANO_PER_SECOND = 1000000000,
    NANO_PLACES = 9,
    MS_PER_SECOND = 1000,
    NANO_PER_MS = 1000000,
};
static const int64_t SECONDS_MAX = 253402300799; /* 9999-12-31T23:59:59Z */
static const int64_t SECONDS_MIN = -62167219200; /* 0000-01-01T00:00:00Z */

/* A date of the Gregorian calendar, as if it had always been. */
struct date {
    int64_t year;
    int64_t month; /* 1 to 12 */
    int64_t day;   /* 1 to 31 */
};

/* Years are counted from 1 March, so that the day that may be missing is a year's last. */
static int64_t date_to_days(struct date date)
{
    int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t month = (date.month + 9) % 12;
    int64_t day_of_year = (153 * month + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_400_YEARS + day_of_era - DAYS_0000_TO_1970;
}

static struct date date_of_days(int64_t days)
{
    int64_t shifted = days + DAYS_0000_TO_1970;
    int64_t era =
        (shifted >= 0 ? shifted : shifted - (DAYS_PER_400_YEARS - 1)) / DAYS_PER_400_YEARS;
    int64_t day_of_era = shifted - era * DAYS_PER_400_YEARS;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (year_of_era * 365 + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    struct date date = {
        .year = year_of_era + era * 400,
        .month = month < 10 ? month + 3 : month - 9,
        .day = day_of_year - (153 * month + 2) / 5 + 1,
    };
    date.year += date.month <= 2;
    return date;
}

static char *digits_put(char *at, int64_t value, int places)
{
    for (int i = places - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + places;
}

char *timestamp_format(struct timespec time, char *buffer)
{
    int64_t seconds = time.tv_sec < SECONDS_MIN   ? SECONDS_MIN
                      : time.tv_sec > SECONDS_MAX ? SECONDS_MAX
                                                  : time.tv_sec;
    int64_t days = seconds / SECONDS_PER_DAY;
    int64_t rest = seconds % SECONDS_PER_DAY;
    if (rest < 0) {
        rest += SECONDS_PER_DAY;
        days--;
    }

    struct date date = date_of_days(days);
    char *at = digits_put(buffer, date.year, 4);
    *at++ = '-';
    at = digits_put(at, date.month, 2);
    *at++ = '-';
    at = digits_put(at, date.day, 2);
    *at++ = 'T';
    at = digits_put(at, rest / SECONDS_PER_HOUR, 2);
    *at++ = ':';
    at = digits_put(at, rest / SECONDS_PER_MINUTE % 60, 2);
    *at++ = ':';
    at = digits_put(at, rest % SECONDS_PER_MINUTE, 2);
    *at++ = '.';
    at = digits_put(at, time.tv_nsec, NANO_PLACES);
    *at++ = 'Z';
    *at = '\0';
    return buffer;
}

char *timestamp_now(char *buffer)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with this clock */
    return timestamp_format(now, buffer);
}

/* --- reading --- */

/* Reads exactly so many digits. */
static bool digits_take(const char **at, int places, int64_t *ret_value)
{
    int64_t value = 0;
    for (int i = 0; i < places; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *at += places;
    *ret_value = value;
    return true;
}

static bool char_take(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

static bool date_take(const char **at, struct date *ret_date)
{
    static const int8_t lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    struct date date;
    if (!digits_take(at, 4, &date.year) || !char_take(at, '-') ||
        !digits_take(at, 2, &date.month) || !char_take(at, '-') || !digits_take(at, 2, &date.day))
        return false;
    if (date.month < 1 || date.month > 12 || date.day < 1)
        return false;
    bool leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
    if (date.day > lengths[date.month - 1] + (date.month == 2 && leap))
        return false;
    *ret_date = date;
    return true;
}

/* ".5", ".123456789"; nothing is fine. */
static bool fraction_take(const char **at, long *ret_nano)
{
    *ret_nano = 0;
    if (!char_take(at, '.'))
        return true;
    int places = 0;
    long nano = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++, places++)
        if (places < NANO_PLACES)
            nano = nano * 10 + (**at - '0');
    for (int i = places; i < NANO_PLACES; i++)
        nano *= 10;
    *ret_nano = nano;
    return places > 0;
}

/* "03:04:05.5"; with `partial` also "03:04". A leap second is the one after it. */
static bool clock_take(const char **at, bool partial, struct timespec *ret_time)
{
    int64_t hour, minute, second = 0;
    long nano = 0;
    if (!digits_take(at, 2, &hour) || !char_take(at, ':') || !digits_take(at, 2, &minute))
        return false;
    if (char_take(at, ':')) {
        if (!digits_take(at, 2, &second) || !fraction_take(at, &nano))
            return false;
    } else if (!partial) {
        return false;
    }
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    ret_time->tv_sec = hour * SECONDS_PER_HOUR + minute * SECONDS_PER_MINUTE + second;
    ret_time->tv_nsec = nano;
    return true;
}

/* "Z", "+02:00". */
static bool offset_take(const char **at, int64_t *ret_seconds)
{
    *ret_seconds = 0;
    if (char_take(at, 'Z') || char_take(at, 'z'))
        return true;
    bool west = **at == '-';
    int64_t hours, minutes;
    if (!char_take(at, west ? '-' : '+') || !digits_take(at, 2, &hours) || !char_take(at, ':') ||
        !digits_take(at, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    int64_t seconds = hours * SECONDS_PER_HOUR + minutes * SECONDS_PER_MINUTE;
    *ret_seconds = west ? -seconds : seconds;
    return true;
}

/* With `partial` the offset, the seconds or the whole time of day may be left out. */
static bool time_take(const char *text, bool partial, struct timespec *ret_time)
{
    const char *at = text;
    struct date date;
    if (!date_take(&at, &date))
        return false;
    struct timespec time = {};
    int64_t offset = 0;
    if (!partial || *at != '\0') {
        if (!char_take(&at, 'T') && !char_take(&at, 't') && !char_take(&at, ' '))
            return false;
        if (!clock_take(&at, partial, &time))
            return false;
        if ((!partial || *at != '\0') && !offset_take(&at, &offset))
            return false;
    }
    time.tv_sec += date_to_days(date) * SECONDS_PER_DAY - offset;
    *ret_time = time;
    return *at == '\0';
}

int timestamp_parse(const char *text, struct timespec *ret_time)
{
    return time_take(text, false, ret_time) ? 0 : -1;
}

/* "1767323045", "1767323045.123456789" */
static bool unix_take(const char *text, struct timespec *ret_time)
{
    const char *at = text;
    int64_t seconds = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        seconds = seconds * 10 + (*at - '0');
        if (seconds > SECONDS_MAX)
            return false;
    }
    long nano = 0;
    if (at == text || !fraction_take(&at, &nano) || *at != '\0')
        return false;
    *ret_time = (struct timespec){ .tv_sec = seconds, .tv_nsec = nano };
    return true;
}

int timestamp_parse_any(const char *text, struct timespec now, const char *what,
                        struct timespec *ret_time, struct err *err)
{
    if (time_take(text, true, ret_time) || unix_take(text, ret_time))
        return 0;

    int64_t ms = 0;
    if (duration_parse(text, what, &ms, NULL) < 0)
        return err_set(err, ERR_INVALID,
                       "%s: \"%s\" is no time; give one as 2026-01-02T03:04:05Z, as seconds since "
                       "1970, or as a duration before now such as 10m",
                       what, text);
    struct timespec time = now;
    time.tv_sec -= ms / MS_PER_SECOND;
    time.tv_nsec -= ms % MS_PER_SECOND * NANO_PER_MS;
    if (time.tv_nsec < 0) {
        time.tv_nsec += NANO_PER_SECOND;
        time.tv_sec--;
    }
    *ret_time = time;
    return 0;
}

int timestamp_compare(struct timespec a, struct timespec b)
{
    if (a.tv_sec != b.tv_sec)
        return a.tv_sec < b.tv_sec ? -1 : 1;
    return a.tv_nsec < b.tv_nsec ? -1 : a.tv_nsec > b.tv_nsec;
}
