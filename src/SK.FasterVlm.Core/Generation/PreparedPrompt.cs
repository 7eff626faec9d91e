using System.Diagnostics;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Generation;

/// <summary>A prompt as the language model gets it: rows in order, counted against the context. Holds its images until disposed.</summary>
sealed class PreparedPrompt : IDisposable
{
    readonly IReadOnlyList<VisionCache.Lease> _leases;
    readonly PreparedBytes.Share? _share;

    PreparedPrompt(
        IReadOnlyList<PromptRows> rows, UInt128[] keys, IReadOnlyList<ImageStatistics> images, IReadOnlyList<VisionCache.Lease> leases,
        PreparedBytes.Share? share) => (Rows, Keys, Images, _leases, _share) = (rows, keys, images, leases, share);

    /// <summary>Token and embedding rows.</summary>
    public IReadOnlyList<PromptRows> Rows { get; }

    /// <summary>What each row is.</summary>
    public UInt128[] Keys { get; }

    /// <summary>Positions the rows take.</summary>
    public int Length => Keys.Length;

    /// <summary>What the images cost and kept.</summary>
    public IReadOnlyList<ImageStatistics> Images { get; }

    /// <summary>Milliseconds it waited for room among the prepared ones.</summary>
    public double WaitedMs { get; private init; }

    /// <summary>Tokenises the text, encodes the images and counts: nothing that does not fit gets any further.</summary>
    /// <param name="request">The request.</param>
    /// <param name="tokenizer">Tokenises its text.</param>
    /// <param name="images">Encodes its images, or finds them.</param>
    /// <param name="room">Bounds what all prepared prompts hold. Text is small beside images and needs no room there.</param>
    /// <param name="language">Whose context it must fit.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ContextLengthException">The prompt leaves no position for an answer.</exception>
    public static async Task<PreparedPrompt> CreateAsync(
        GenerationRequest request, PromptTokenizer tokenizer, ImageSource images, PreparedBytes room, ILanguageModel language,
        CancellationToken cancellationToken)
    {
        int contextLength = language.ContextLength;
        IReadOnlyList<PromptPart> parts = tokenizer.Tokenize(request.Prompt);
        int textLength = parts.Sum(static p => p.Tokens.Length);
        CheckLength(textLength, 0, contextLength); // before seconds are spent on images

        List<VisionCache.Lease> leases = [];
        PreparedBytes.Share? share = null;
        long start = Stopwatch.GetTimestamp();
        if (request.Images.Count > 0)
        {
            long most = (long)(contextLength - textLength) * language.Info.EmbeddingWidth * sizeof(float);
            share = await room.TakeAsync(most, cancellationToken).ConfigureAwait(false);
        }
        double waitedMs = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        try
        {
            List<(CachedImage Image, ImageStatistics Statistics)> prepared = [];
            int visual = 0;
            for (int i = 0; i < request.Images.Count; i++)
            {
                prepared.Add(await images.GetAsync(request, i, leases, cancellationToken).ConfigureAwait(false));
                visual = parts.Sum(p => p.IsImage && p.ImageIndex <= i ? prepared[p.ImageIndex].Image.Tokens.Count : 0);
                CheckLength(textLength + visual, visual, contextLength); // before the next one is encoded
            }
            share?.Settle(prepared.Sum(static p => p.Image.Bytes));

            List<PromptRows> rows = new(parts.Count);
            List<UInt128> keys = new(textLength + visual);
            foreach (PromptPart part in parts)
            {
                if (!part.IsImage)
                {
                    rows.Add(PromptRows.FromTokens(part.Tokens));
                    RowKey.Append(keys, part.Tokens);
                }
                else if (prepared[part.ImageIndex].Image is { Tokens.Count: > 0 } image)
                {
                    rows.Add(PromptRows.FromEmbeddings(image.Tokens.Embeddings, image.Tokens.Count));
                    RowKey.Append(keys, image.RowKey, image.Tokens.Count);
                }
            }
            return new PreparedPrompt(rows, [.. keys], [.. prepared.Select(static p => p.Statistics)], leases, share) { WaitedMs = waitedMs };
        }
        catch
        {
            share?.Dispose();
            foreach (VisionCache.Lease lease in leases) lease.Dispose();
            throw;
        }
    }

    /// <summary>The rows from a position on.</summary>
    /// <param name="from">First row.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="width">Width of an embedding.</param>
    public IReadOnlyList<PromptRows> Slice(int from, int count, int width)
    {
        if (from == 0 && count == Length) return Rows;
        List<PromptRows> slice = [];
        int start = 0;
        foreach (PromptRows run in Rows)
        {
            int first = Math.Max(from, start), end = Math.Min(from + count, start + run.Count);
            if (first < end) slice.Add(RowKey.Slice(run, first - start, end - first, width));
            start += run.Count;
        }
        return slice;
    }

    /// <summary>It waits no more: its room is another's.</summary>
    public void Start() => _share?.Dispose();

    /// <summary>Lets go of the images.</summary>
    public void Dispose()
    {
        Start();
        foreach (VisionCache.Lease lease in _leases) lease.Dispose();
    }

    static void CheckLength(int length, int visual, int contextLength)
    {
        // One position must be left for the answer.
        if (length >= contextLength) throw new ContextLengthException(length + 1, contextLength, visual);
    }
}
