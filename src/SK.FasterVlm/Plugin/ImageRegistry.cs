using System.Collections.Concurrent;

namespace SK.FasterVlm;

/// <summary>Images a host lets a model name. Thread-safe.</summary>
public interface IImageRegistry
{
    /// <summary>The names, for error messages; may be fewer than there are.</summary>
    IEnumerable<string> Names { get; }

    /// <summary>The bytes of an image file, or null when there is none of that name.</summary>
    ValueTask<ReadOnlyMemory<byte>?> FindAsync(string name, CancellationToken cancellationToken = default);
}

/// <summary>Images in memory by name; names are compared as they are written.</summary>
public sealed class ImageRegistry : IImageRegistry
{
    readonly ConcurrentDictionary<string, ReadOnlyMemory<byte>> _images = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public IEnumerable<string> Names => _images.Keys.Order(StringComparer.Ordinal);

    /// <summary>Adds an image, or replaces the one of that name.</summary>
    /// <param name="name">What the model calls it; must not look like a <c>data:</c> URI.</param>
    /// <param name="bytes">The bytes of the file.</param>
    public void Add(string name, ReadOnlyMemory<byte> bytes)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        if (name.StartsWith("data:", StringComparison.OrdinalIgnoreCase)) throw new ArgumentException("A name must not begin with \"data:\".", nameof(name));
        _images[name] = bytes;
    }

    /// <summary>Takes an image away.</summary>
    /// <returns>Whether there was one.</returns>
    public bool Remove(string name) => _images.TryRemove(name, out _);

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>?> FindAsync(string name, CancellationToken cancellationToken = default) =>
        new(_images.TryGetValue(name, out ReadOnlyMemory<byte> bytes) ? bytes : default(ReadOnlyMemory<byte>?)); // a bare null would be no bytes
}
