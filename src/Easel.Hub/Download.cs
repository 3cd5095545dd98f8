namespace Easel.Hub;

/// <summary>One file on its way: into a part beside its place, which is gone on with after an interruption, checked while it is written, and named when
/// whole.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="Path">Its place.</param>
/// <param name="Part">What is there of it.</param>
/// <param name="Bytes">Its size; null where it is not known.</param>
/// <param name="Sha256">Its fingerprint; null where it is not known.</param>
/// <param name="Name">How it is called in sentences.</param>
/// <param name="Source">Whose it is.</param>
internal sealed record Download(Uri Address, string Path, string Part, long? Bytes, string? Sha256, string Name, string Source)
{
    private const int BufferBytes = 1 << 20;

    /// <summary>Fetches what is missing.</summary>
    /// <param name="open">Asks for the file, or for a part of it.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="HubException">What was fetched is not the file.</exception>
    /// <exception cref="EndOfStreamException">The connection ended early.</exception>
    public async Task RunAsync(Func<RangeHeaderValue?, Task<HttpResponseMessage>> open, IProgress<HubProgress>? progress, CancellationToken cancel)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[BufferBytes];
        await using (var part = new FileStream(Part, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, BufferBytes, useAsync: true))
        {
            // Without a fingerprint nobody could tell whether the rest belongs to the same file.
            if (Sha256 is null || part.Length > Bytes) part.SetLength(0);
            for (int count; (count = await part.ReadAsync(buffer, cancel)) > 0;) hash.AppendData(buffer, 0, count);
            var done = part.Length;
            if (done < (Bytes ?? long.MaxValue))
            {
                using var answer = await open(done > 0 ? new RangeHeaderValue(done, null) : null);
                if (done > 0 && answer.StatusCode != HttpStatusCode.PartialContent)
                {
                    _ = hash.GetHashAndReset(); // the server sends it from the start
                    part.SetLength(0);
                    done = 0;
                }
                await using var stream = await answer.Content.ReadAsStreamAsync(cancel);
                for (int count; (count = await stream.ReadAsync(buffer, cancel)) > 0;)
                {
                    if (done + count > Bytes) throw Wrong($"it is longer than its {Bytes} bytes");
                    await part.WriteAsync(buffer.AsMemory(0, count), cancel);
                    hash.AppendData(buffer, 0, count);
                    done += count;
                    progress?.Report(new HubProgress(Name, done, Bytes));
                }
                if (done < Bytes) throw new EndOfStreamException();
            }
            part.Flush(flushToDisk: true);
        }
        var sum = Convert.ToHexStringLower(hash.GetHashAndReset());
        if (Sha256 is not null && sum != Sha256) throw Wrong($"its SHA-256 is {sum}, not {Sha256}");
        File.Move(Part, Path, overwrite: true);
    }

    private HubException Wrong(string why)
    {
        File.Delete(Part);
        return new HubException($"What {Source} sent as {Name} is not the file: {why}. It was thrown away.");
    }
}
