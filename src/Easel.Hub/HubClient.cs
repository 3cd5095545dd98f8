namespace Easel.Hub;

/// <summary>Fetches models from a hub that speaks as huggingface.co does, or from a plain address. Nothing is fetched but by these methods.</summary>
public sealed class HubClient : IDisposable
{
    private const int MostRedirects = 10;
    private const int MostListing = 16 << 20;

    private readonly HubSettings _settings;
    private readonly Uri _hub;
    private readonly HttpClient _http;

    /// <summary>A client; proxies are those that the system's variables name.</summary>
    public HubClient(HubSettings settings)
    {
        _settings = settings;
        _hub = Uri.TryCreate(settings.Endpoint, UriKind.Absolute, out var hub) && hub.Scheme is ("http" or "https") ? hub
            : throw new HubException($"The hub's address is \"{settings.Endpoint}\"; those look like https://huggingface.co.");
        Cache = new HubCache(settings.CacheFolder);
        // Redirects are followed here, since the token may go to the hub alone.
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(30) };
        _http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("easel", typeof(HubClient).Assembly.GetName().Version?.ToString(3)));
    }

    /// <summary>The cache that it fetches into.</summary>
    public HubCache Cache { get; }

    /// <summary>Whether nothing may be fetched.</summary>
    internal bool IsOffline => _settings.IsOffline;

    /// <summary>All files of a repository, with the commit that the revision is at; where nothing may be fetched, those in the cache.</summary>
    /// <exception cref="HubException">It cannot be asked, or there is none.</exception>
    public async Task<HubSelection> ListAsync(string repository, string? revision, CancellationToken cancel)
    {
        if (_settings.IsOffline) return Cache.List(repository, revision) ?? throw NotThere(repository);
        var address = new Uri($"{_settings.Endpoint}/api/models/{repository}/revision/{Uri.EscapeDataString(revision ?? "main")}?blobs=true");
        using var answer = await Ask(HttpMethod.Get, address, null, repository, cancel);
        await using var stream = await answer.Content.ReadAsStreamAsync(cancel);
        try
        {
            using var limited = new MemoryStream();
            var buffer = new byte[1 << 16];
            for (int count; (count = await stream.ReadAsync(buffer, cancel)) > 0;)
            {
                limited.Write(buffer, 0, count);
                if (limited.Length > MostListing) throw new HubException($"The list of files of {repository} is longer than 16 MB.");
            }
            limited.Position = 0;
            using var json = await JsonDocument.ParseAsync(limited, cancellationToken: cancel);
            var commit = json.RootElement.GetProperty("sha").GetString()!;
            var files = json.RootElement.GetProperty("siblings").EnumerateArray().Select(FileOf).Where(file => HubReference.IsPath(file.Path));
            return IsHex(commit, 40) ? new HubSelection(repository, commit, [.. files]) : throw new FormatException();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new HubException($"What {_settings.Endpoint} says of {repository} is no list of files.", e);
        }
    }

    /// <summary>Fetches files into the cache, or finds them there.</summary>
    /// <param name="selection">What.</param>
    /// <param name="progress">Told how far it is; null for nobody.</param>
    /// <param name="cancel">Stops it; what is there already is kept and gone on with the next time.</param>
    /// <returns>The files in the snapshot, as many as were asked for and in that order.</returns>
    /// <exception cref="HubException">It cannot be fetched.</exception>
    public async Task<IReadOnlyList<string>> FetchAsync(HubSelection selection, IProgress<HubProgress>? progress, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(selection);
        var known = selection.Files.Select(file => Cache.Find(selection.Repository, selection.Revision, file.Path)).ToList();
        if (known.All(path => path is not null)) return known!;
        if (_settings.IsOffline) throw NotThere(selection.Repository);

        var heads = new List<Head>();
        foreach (var file in selection.Files) heads.Add(await HeadOf(selection, file, cancel));
        var missing = heads.Where(head => !File.Exists(Cache.BlobOf(selection.Repository, head.Tag))).Sum(head => head.Bytes ?? 0);
        RequireRoom(_settings.CacheFolder, missing);

        var paths = new List<string>();
        foreach (var (file, head) in selection.Files.Zip(heads))
        {
            var blob = Cache.BlobOf(selection.Repository, head.Tag);
            if (!File.Exists(blob))
            {
                using var turn = await Turn(Cache.LockOf(selection.Repository, head.Tag), cancel);
                var download = new Download(head.Address, blob, blob + ".incomplete", head.Bytes, head.Sha256, file.Path, selection.Repository);
                if (!File.Exists(blob)) await Run(download, progress, cancel);
            }
            paths.Add(Cache.Link(selection.Repository, head.Commit, file.Path, blob));
            Cache.Note(selection.Repository, selection.Revision, head.Commit);
        }
        return paths;
    }

    /// <summary>Fetches files into a folder of the person's own, under their own names.</summary>
    /// <inheritdoc cref="FetchAsync(HubSelection, IProgress{HubProgress}?, CancellationToken)"/>
    /// <param name="folder">The folder; made if it is not there.</param>
    public async Task<IReadOnlyList<string>> FetchToAsync(HubSelection selection, string folder, IProgress<HubProgress>? progress, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(selection);
        if (_settings.IsOffline) throw new HubException("HF_HUB_OFFLINE forbids to fetch anything.");
        Directory.CreateDirectory(folder);
        var paths = new List<string>();
        foreach (var file in selection.Files)
        {
            var head = await HeadOf(selection, file, cancel);
            var path = Path.Combine(folder, file.Path.Replace('/', Path.DirectorySeparatorChar));
            paths.Add(path);
            using var turn = await Turn(path + ".part.lock", cancel);
            if (File.Exists(path) && new FileInfo(path).Length == (head.Bytes ?? -1)) continue;
            RequireRoom(folder, head.Bytes ?? 0);
            await Run(new Download(head.Address, path, path + ".part", head.Bytes, head.Sha256, file.Path, selection.Repository), progress, cancel);
        }
        return paths;
    }

    /// <summary>Fetches one file from a plain address.</summary>
    /// <param name="address">The address.</param>
    /// <param name="folder">Where to.</param>
    /// <param name="sha256">What its fingerprint must be; null where none is known.</param>
    /// <param name="progress">Told how far it is; null for nobody.</param>
    /// <param name="cancel">Stops it.</param>
    /// <returns>Its path.</returns>
    /// <exception cref="HubException">It cannot be fetched, or has no name of a model's file.</exception>
    public async Task<string> FetchAddressAsync(Uri address, string folder, string? sha256, IProgress<HubProgress>? progress, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(address);
        if (_settings.IsOffline) throw new HubException("HF_HUB_OFFLINE forbids to fetch anything.");
        using var head = await Ask(HttpMethod.Get, address, null, address.Host, cancel);
        var name = head.Content.Headers.ContentDisposition is { } named ? named.FileNameStar ?? named.FileName?.Trim('"') : null;
        name = Path.GetFileName((name ?? Uri.UnescapeDataString(address.AbsolutePath)).Replace('\\', '/'));
        if (!HubReference.IsPath(name) || Path.GetExtension(name).ToLowerInvariant() is not (".safetensors" or ".gguf"))
            throw new HubException($"{address} leads to \"{name}\"; only .safetensors and .gguf files are fetched from plain addresses.");
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, name);
        using var turn = await Turn(path + ".part.lock", cancel);
        var bytes = head.Content.Headers.ContentLength;
        if (File.Exists(path) && new FileInfo(path).Length == (bytes ?? -1)) return path;
        RequireRoom(folder, bytes ?? 0);
        await Run(new Download(address, path, path + ".part", bytes, sha256, name, address.Host), progress, cancel);
        return path;
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    internal HubException NotThere(string what) => new($"{what} is not in {_settings.CacheFolder}, and HF_HUB_OFFLINE forbids to fetch it.");

    /// <summary>What the hub says of a file before a byte of it is fetched.</summary>
    private async Task<Head> HeadOf(HubSelection selection, HubFile file, CancellationToken cancel)
    {
        var path = string.Join('/', file.Path.Split('/').Select(Uri.EscapeDataString));
        var address = new Uri($"{_settings.Endpoint}/{selection.Repository}/resolve/{Uri.EscapeDataString(selection.Revision)}/{path}");
        using var answer = await Ask(HttpMethod.Head, address, null, selection.Repository, cancel, followsOut: false);
        var commit = Header(answer, "X-Repo-Commit") ?? (IsHex(selection.Revision, 40) ? selection.Revision : null);
        var tag = (Header(answer, "X-Linked-Etag") ?? answer.Headers.ETag?.Tag)?.Trim('"');
        if (tag?.StartsWith("W/", StringComparison.Ordinal) == true) tag = tag[2..].Trim('"');
        var bytes = long.TryParse(Header(answer, "X-Linked-Size"), CultureInfo.InvariantCulture, out var linked)
            ? linked : answer.Content.Headers.ContentLength;
        // A tag becomes a file's name: it must be a fingerprint and nothing else.
        if (commit is null || !IsHex(commit, 40) || tag is null || !IsHex(tag, 40) && !IsHex(tag, 64))
            throw new HubException($"What answers at {_settings.Endpoint} is no model hub: it names neither commit nor fingerprint of {file.Path}.");
        var sha256 = tag.Length == 64 ? tag.ToLowerInvariant() : null;
        if (file.Sha256 is { } expected && !expected.Equals(sha256, StringComparison.OrdinalIgnoreCase))
        {
            throw new HubException(
                $"{selection.Repository}:{file.Path} is not the file that Easel knows: its SHA-256 is {sha256 ?? "not told"}, not {expected}.");
        }
        return new Head(address, commit, tag.ToLowerInvariant(), bytes ?? file.Bytes, sha256);
    }

    private async Task Run(Download download, IProgress<HubProgress>? progress, CancellationToken cancel)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(download.Path)!);
        const int MostTries = 5;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await download.RunAsync(Open, progress, cancel);
                return;
            }
            catch (Exception e) when (e is HttpRequestException or HttpIOException or IOException { InnerException: System.Net.Sockets.SocketException }
                || e is EndOfStreamException)
            {
                if (attempt == MostTries)
                {
                    throw new HubException(
                        $"The connection broke while {download.Name} was fetched; what is there is kept, and asking again goes on with it.", e);
                }
                await Task.Delay(TimeSpan.FromSeconds(_settings.RetrySeconds * attempt), cancel);
            }
            catch (IOException e)
            {
                throw new HubException($"{download.Name} cannot be kept: {EaselException.OfFile(e).Message}", e);
            }
        }

        Task<HttpResponseMessage> Open(RangeHeaderValue? range) =>
            Ask(HttpMethod.Get, download.Address, range, download.Source, cancel, isRetried: true);
    }

    /// <summary>Asks, follows where it is sent and says in words what is refused.</summary>
    private async Task<HttpResponseMessage> Ask(HttpMethod method, Uri address, RangeHeaderValue? range, string what, CancellationToken cancel,
        bool followsOut = true, bool isRetried = false)
    {
        const int MostWaits = 4;
        var (redirects, waits) = (0, 0);
        for (var at = address; ;)
        {
            using var request = new HttpRequestMessage(method, at);
            request.Headers.Range = range;
            request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
            if (_settings.Token is { } token && (at.Scheme, at.Authority) == (_hub.Scheme, _hub.Authority))
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            HttpResponseMessage answer;
            try
            {
                answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
            }
            catch (HttpRequestException e) when (!isRetried)
            {
                throw new HubException($"{at.Authority} cannot be reached: {e.Message.TrimEnd('.')}.", e);
            }
            if ((int)answer.StatusCode is >= 300 and < 400 && answer.Headers.Location is { } location)
            {
                var next = new Uri(at, location);
                // The hub's own answer to "what is it" names the file; where its bytes are is another's.
                if (!followsOut && next.Authority != at.Authority) return answer;
                answer.Dispose();
                if (++redirects > MostRedirects) throw new HubException($"{address.Authority} sends from one address to another without end.");
                if (next.Scheme is not ("http" or "https") || at.Scheme == "https" && next.Scheme == "http")
                    throw new HubException($"{address.Authority} sends to {next}, which is not encrypted.");
                at = next;
                continue;
            }
            if (answer.IsSuccessStatusCode) return answer;
            var status = answer.StatusCode;
            if (status is HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable && ++waits <= MostWaits)
            {
                var wait = answer.Headers.RetryAfter is { } after ? after.Delta ?? after.Date - DateTimeOffset.UtcNow : null;
                answer.Dispose();
                if (wait > TimeSpan.FromMinutes(5)) throw Refusal(status, what, at);
                await Task.Delay(wait is { } known && known > TimeSpan.Zero ? known : TimeSpan.FromSeconds(_settings.RetrySeconds * waits), cancel);
                continue;
            }
            answer.Dispose();
            throw Refusal(status, what, at);
        }
    }

    private HubException Refusal(HttpStatusCode status, string what, Uri at) => new(status switch
    {
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => what.Contains('/')
            ? $"{what} is given only to those who accepted its licence at {_settings.Endpoint}/{what}; then put an access token into HF_TOKEN"
                + (_settings.Token is null ? "." : " (there is one; perhaps it may not read this).")
            : $"{at.Authority} demands a login for {at.AbsolutePath}.",
        HttpStatusCode.NotFound => what.Contains('/') ? $"There is no {what} with that file and revision at {_settings.Endpoint}."
            : $"There is nothing at {at}.",
        HttpStatusCode.TooManyRequests => $"{at.Authority} asks to wait before more is fetched; try again later.",
        _ => $"{at.Authority} answered {(int)status} ({status}) for {what}.",
    });

    private static HubFile FileOf(JsonElement sibling)
    {
        var sha256 = sibling.TryGetProperty("lfs", out var lfs) && lfs.ValueKind == JsonValueKind.Object && lfs.TryGetProperty("sha256", out var sum)
            ? sum.GetString() : null;
        long? bytes = sibling.TryGetProperty("size", out var size) && size.ValueKind == JsonValueKind.Number ? size.GetInt64() : null;
        return new HubFile(sibling.GetProperty("rfilename").GetString()!, bytes, sha256);
    }

    private static string? Header(HttpResponseMessage answer, string name) => answer.Headers.TryGetValues(name, out var values) ? values.First() : null;

    private static bool IsHex(string text, int length) => text.Length == length && text.All(char.IsAsciiHexDigit);

    /// <exception cref="HubException">There is not enough.</exception>
    private static void RequireRoom(string folder, long bytes)
    {
        const long Reserve = 64 << 20; // a disk that is full to the brim helps nobody
        Directory.CreateDirectory(folder);
        try
        {
            var room = Math.Max(0, new DriveInfo(Path.GetFullPath(folder)).AvailableFreeSpace - Reserve);
            if (room < bytes)
                throw new HubException($"{Readable.Size(bytes)} are to be fetched, but {folder} has room for {Readable.Size(room)}.");
        }
        catch (Exception e) when (e is IOException or ArgumentException or UnauthorizedAccessException)
        {
            // A place that does not tell its room is tried.
        }
    }

    /// <summary>Waits until no other program fetches the same file.</summary>
    private static async Task<FileStream> Turn(string path, CancellationToken cancel)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
            }
            catch (IOException) when (File.Exists(path))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), cancel);
            }
        }
    }

    private sealed record Head(Uri Address, string Commit, string Tag, long? Bytes, string? Sha256);
}
