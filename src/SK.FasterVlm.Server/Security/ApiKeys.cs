using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.Security;

/// <summary>Checks keys in a time that does not depend on how much of a key is right, nor on which of several it is.</summary>
sealed class ApiKeys
{
    const string Scheme = "Bearer ";
    const int MaxLength = 1024;

    readonly byte[][] _hashes;

    public ApiKeys(IEnumerable<string> keys) => _hashes = [.. keys.Select(static k => SHA256.HashData(Encoding.UTF8.GetBytes(k)))];

    /// <summary>Whether keys are asked for.</summary>
    public bool Required => _hashes.Length > 0;

    /// <summary>Checks the key of a request.</summary>
    /// <exception cref="ApiException">Missing or wrong.</exception>
    public void Check(HttpRequest request)
    {
        if (!Required) return;
        string header = request.Headers.Authorization.Count == 1 ? request.Headers.Authorization.ToString() : "";
        if (!header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) || header.Length > MaxLength) throw ApiErrors.Key(missing: header.Length == 0);
        byte[] given = SHA256.HashData(Encoding.UTF8.GetBytes(header[Scheme.Length..].Trim()));
        bool known = false;
        foreach (byte[] hash in _hashes) known |= CryptographicOperations.FixedTimeEquals(given, hash);
        if (!known) throw ApiErrors.Key(missing: false);
    }
}
