/* download.c - downloads a file over HTTP or HTTPS with libcurl.
 *
 * The file grows under its temporary name. The next attempt, in this run or a later
 * one, continues where the last one stopped. Within a run, If-Range asks the server
 * whether its file is still the same; between runs and between mirrors, the digest
 * detects a difference.
 */
#include "download.h"

#include "cli/progress.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_MS 5000L
#define MAX_REDIRECTS 5L
#define IDLE_TRIES 3 /* attempts with little progress, in a row */
#define ALL_TRIES 20
#define LITTLE ((uint64_t)256 << 10)

struct transfer {
	struct cnn_download *download;
	CURL *curl;
	int fd;
	uint64_t start;	     /* the offset requested */
	uint64_t size;	     /* bytes in the file */
	bool begun;	     /* the body of this answer has started */
	bool complete;	     /* nothing follows `size` */
	char validator[256]; /* ETag or Last-Modified of our bytes */
	char next_validator[256];
	uint64_t range_start, range_total; /* Content-Range of the answer */
	uint64_t moved_ns, moved_size;	   /* when bytes last arrived */
	struct cnn_progress bar;
	struct cnn_error *error;
};

/* --- curl callbacks --------------------------------------------------------------- */

static void header_value(const char *line, size_t size, char *value, size_t room)
{
	const char *colon = memchr(line, ':', size), *end = line + size;

	for (colon++; colon < end && *colon == ' '; colon++)
		;
	while (end > colon && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
		end--;
	if ((size_t)(end - colon) < room)
		snprintf(value, room, "%.*s", (int)(end - colon), colon);
}

static size_t on_header(char *line, size_t one, size_t size, void *ctx)
{
	struct transfer *t = ctx;
	char value[256] = "";

	(void)one;
	if (size >= 5 && !strncasecmp(line, "HTTP/", 5)) {
		/* With redirections there are several answers. */
		t->next_validator[0] = '\0';
		t->range_start = t->range_total = 0;
	} else if (size > 5 && !strncasecmp(line, "ETag:", 5)) {
		header_value(line, size, value, sizeof value);
		if (strncmp(value, "W/", 2)) /* weak: does not identify the bytes */
			strcpy(t->next_validator, value);
	} else if (size > 14 && !strncasecmp(line, "Last-Modified:", 14)) {
		if (!t->next_validator[0])
			header_value(line, size, t->next_validator,
			    sizeof t->next_validator);
	} else if (size > 14 && !strncasecmp(line, "Content-Range:", 14)) {
		unsigned long long start = 0, total = 0;

		header_value(line, size, value, sizeof value);
		if (sscanf(value, "bytes %llu-%*u/%llu", &start, &total) < 1)
			sscanf(value, "bytes */%llu", &total);
		t->range_start = start;
		t->range_total = total;
	}
	return size;
}

/* Whether the answer is a web page, such as the login page of a public network or the
 * page of a company's filter. No file that we fetch starts with '<'. */
static bool is_web_page(const char *data, size_t size)
{
	while (size > 0 && strchr(" \t\r\n\xef\xbb\xbf", *data) && *data)
		data++, size--;
	return size > 0 && *data == '<';
}

static int begin_body(struct transfer *t, const char *data, size_t size)
{
	long status = 0;

	t->begun = true;
	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 206 && t->range_start == t->size)
		return CNN_OK;
	if (status == 206)
		return cnn_fail(t->error, CNN_EDATA,
		    "the server sent a different part of the file");
	if (status != 200)
		return cnn_fail(t->error, CNN_EIO, "the server returned status %ld",
		    status);
	if (is_web_page(data, size))
		return cnn_fail(t->error, CNN_EDATA,
		    "the server sent a web page, not the file");
	/* The whole file, from the start. */
	if (ftruncate(t->fd, 0) < 0 || lseek(t->fd, 0, SEEK_SET) < 0)
		return cnn_fail_errno(t->error, errno, "%s", t->download->path);
	t->size = 0;
	t->download->resumed = false;
	return CNN_OK;
}

static size_t on_body(char *data, size_t one, size_t size, void *ctx)
{
	struct transfer *t = ctx;
	size_t done = 0;
	ssize_t n;

	(void)one;
	if (!t->begun && begin_body(t, data, size) < 0)
		return 0;
	if (size > t->download->limit - t->size) {
		cnn_fail(t->error, CNN_EDATA, "the response is longer than the file");
		return 0;
	}
	while (done < size) {
		n = write(t->fd, data + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			t->download->full = true;
			cnn_fail_errno(t->error, errno, "%s", t->download->path);
			return 0;
		}
		done += (size_t)n;
		t->size += (size_t)n;
	}
	snprintf(t->validator, sizeof t->validator, "%s", t->next_validator);
	return size;
}

/* Called at least once a second. (CURLOPT_LOW_SPEED_TIME averages over some seconds, so
 * short limits would take effect late.) */
static int on_progress(void *ctx, curl_off_t total, curl_off_t now, curl_off_t up_total,
    curl_off_t up_now)
{
	struct transfer *t = ctx;
	curl_off_t connected = 0;

	(void)up_total;
	(void)up_now;
	if (total > 0)
		t->bar.total = (uint64_t)(total - now) + t->size;
	cnn_progress_update(&t->bar, t->size, "bytes", NULL);
	/* Connecting has its own limit. */
	curl_easy_getinfo(t->curl, CURLINFO_PRETRANSFER_TIME_T, &connected);
	if (t->size != t->moved_size || connected == 0) {
		t->moved_ns = cnn_clock_ns();
		t->moved_size = t->size;
	}
	return cnn_clock_ns() - t->moved_ns >
	    t->download->timeout * UINT64_C(1000000000);
}

/* --- one attempt ------------------------------------------------------------------ */

/* The file of CA certificates that the user has set, or NULL. The curl command uses the
 * same variables. */
static const char *certificates(void)
{
	const char *file = getenv("CURL_CA_BUNDLE");

	if (!file || !*file)
		file = getenv("SSL_CERT_FILE");
	return file && *file ? file : NULL;
}

static bool set_up(struct transfer *t, char *message, struct curl_slist **headers)
{
	const struct cnn_download *d = t->download;
	bool secure = strncasecmp(d->url, "https:", 6) == 0;
	char range[32], line[sizeof t->validator + 16];
	CURL *c = t->curl;

	curl_easy_reset(c);
	if (curl_easy_setopt(c, CURLOPT_URL, d->url) ||
	    curl_easy_setopt(c, CURLOPT_USERAGENT, "cnntools/" CNN_VERSION) ||
	    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") ||
	    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR,
		secure ? "https" : "http,https") ||
	    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L) ||
	    curl_easy_setopt(c, CURLOPT_MAXREDIRS, MAX_REDIRECTS) ||
	    curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L) ||
	    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) ||
	    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) ||
	    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, message) ||
	    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header) ||
	    curl_easy_setopt(c, CURLOPT_HEADERDATA, t) ||
	    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) ||
	    curl_easy_setopt(c, CURLOPT_WRITEDATA, t) ||
	    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress) ||
	    curl_easy_setopt(c, CURLOPT_XFERINFODATA, t) ||
	    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L))
		return false;
	if (certificates() && curl_easy_setopt(c, CURLOPT_CAINFO, certificates()))
		return false;
	if (t->start == 0)
		return true;
	/* Not CURLOPT_RESUME_FROM: with it, curl treats a complete answer as an error,
	 * but If-Range may bring one. */
	snprintf(range, sizeof range, "%llu-", (unsigned long long)t->start);
	if (curl_easy_setopt(c, CURLOPT_RANGE, range))
		return false;
	if (!t->validator[0])
		return true;
	snprintf(line, sizeof line, "If-Range: %s", t->validator);
	*headers = curl_slist_append(NULL, line);
	return *headers && !curl_easy_setopt(c, CURLOPT_HTTPHEADER, *headers);
}

enum verdict { DONE, AGAIN, HOPELESS };

/* Decides what the end of a transfer means, and sets its message. */
static enum verdict judge(struct transfer *t, CURLcode code, const char *message)
{
	const char *text = *message ? message : curl_easy_strerror(code);
	struct cnn_error *e = t->error;
	long status = 0, proxy = 0;

	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(t->curl, CURLINFO_HTTP_CONNECTCODE, &proxy);
	if (code != CURLE_OK && status == 0 && proxy >= 400) {
		t->download->unreachable = true;
		cnn_fail(e, CNN_EIO, "the proxy returned status %ld", proxy);
		return HOPELESS;
	}
	switch (code) {
	case CURLE_OK:
		if (t->begun)
			return DONE;
		if (status == 200 || status == 206)
			cnn_fail(e, CNN_EIO, "the response is empty");
		else
			cnn_fail(e, CNN_EIO, "the server returned status %ld", status);
		return HOPELESS;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		t->download->unreachable = true;
		cnn_fail(e, CNN_EIO, "could not resolve host");
		return HOPELESS;
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		t->download->unreachable = true;
		cnn_fail(e, CNN_EIO, "%s", text);
		return HOPELESS;
	case CURLE_HTTP_RETURNED_ERROR:
		if (status == 416 && t->range_total == t->size && t->size > 0) {
			t->complete = true;
			return DONE;
		}
		if (status == 416 && t->start > 0 && ftruncate(t->fd, 0) == 0) {
			t->size = 0;
			return AGAIN;
		}
		cnn_fail(e, CNN_EIO, "the server returned status %ld", status);
		return status >= 500 || status == 408 || status == 429 ? AGAIN :
									 HOPELESS;
	case CURLE_WRITE_ERROR:
		cnn_fail(e, CNN_EIO, "%s", text); /* on_body has set a better one */
		return HOPELESS;
	case CURLE_OPERATION_TIMEDOUT:
		t->download->unreachable = true;
		cnn_fail(e, CNN_EIO, "no connection within %ld s", CONNECT_MS / 1000);
		return HOPELESS;
	case CURLE_ABORTED_BY_CALLBACK:
		if (!t->begun) {
			t->download->unreachable = true;
			cnn_fail(e, CNN_EIO, "the server does not respond");
			return HOPELESS;
		}
		cnn_fail(e, CNN_EIO, "no data arrived for %u s", t->download->timeout);
		return AGAIN;
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		cnn_fail(e, CNN_EIO, "the connection was lost: %s", text);
		return AGAIN;
	default: cnn_fail(e, CNN_EIO, "%s", text); return HOPELESS;
	}
}

static enum verdict attempt(struct transfer *t)
{
	char message[CURL_ERROR_SIZE] = "";
	struct curl_slist *headers = NULL;
	enum verdict verdict = HOPELESS;

	t->start = t->size;
	t->begun = false;
	t->moved_ns = cnn_clock_ns();
	if (t->start > 0)
		t->download->resumed = true;
	if (lseek(t->fd, (off_t)t->size, SEEK_SET) < 0)
		cnn_fail_errno(t->error, errno, "%s", t->download->path);
	else if (!set_up(t, message, &headers))
		cnn_fail(t->error, CNN_EIO, "can't initialize libcurl");
	else
		verdict = judge(t, curl_easy_perform(t->curl), message);
	curl_slist_free_all(headers);
	return verdict;
}

/* --- all attempts ----------------------------------------------------------------- */

static int try_repeatedly(struct transfer *t, struct cnn_error *e)
{
	int idle = 0;

	for (int tries = 1;; tries++) {
		struct cnn_error why = { 0 };
		uint64_t before = t->size;
		enum verdict verdict;

		t->error = &why;
		verdict = attempt(t);
		t->error = NULL;
		if (verdict == DONE)
			return CNN_OK;
		idle = t->size > before + LITTLE ? 0 : idle + 1;
		if (verdict == HOPELESS || idle >= IDLE_TRIES || tries >= ALL_TRIES)
			return cnn_fail(e, why.code ? why.code : CNN_EIO, "%s",
			    why.code ? why.text : "invalid response from the server");
		/* 0.5 s, then 1 s: enough for a short interruption */
		nanosleep(&(struct timespec){ idle / 2, idle == 1 ? 500000000L : 0 },
		    NULL);
	}
}

int cnn_download(struct cnn_download *d, struct cnn_error *e)
{
	struct transfer t = { .download = d };
	struct stat st;
	int r;

	d->resumed = d->unreachable = d->full = false;
	t.fd = open(d->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (t.fd < 0) {
		d->full = true;
		return cnn_fail_errno(e, errno, "%s", d->path);
	}
	if (fstat(t.fd, &st) == 0 && (uint64_t)st.st_size <= d->limit)
		t.size = (uint64_t)st.st_size;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) || !(t.curl = curl_easy_init())) {
		close(t.fd);
		return cnn_fail(e, CNN_EIO, "can't initialize libcurl");
	}
	cnn_progress_start(&t.bar, d->label, 0);
	r = try_repeatedly(&t, e);
	cnn_progress_end(&t.bar);
	curl_easy_cleanup(t.curl);
	if (close(t.fd) < 0 && r == CNN_OK)
		r = cnn_fail_errno(e, errno, "%s", d->path);
	if (t.size == 0)
		unlink(d->path);
	return r;
}
