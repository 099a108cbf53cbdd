/** Public halves of throwaway keys of every type, as ssh-keygen wrote them, with the fingerprints that it prints. */

export interface SampleKey {
  readonly line: string;
  readonly fingerprint: string;
}

export const SAMPLE_KEYS = {
  ed25519: {
    line: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDXnCwFD5KGQMvLUfhxfrF/j88IjnhiO53FvDzqqmQaJ person1@example",
    fingerprint: "SHA256:PqYb0Q7kSO+dYxyG+JPz+YJ8doVZ0ltSGkcrtZI3z4Y",
  },
  ed25519Second: {
    line: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFr1QqcQqsPzfuOb/vaKcppv7xvJztEWCh4YsAPhgcpA person2@example",
    fingerprint: "SHA256:yXTsmYh1X+iYVDuKzpGQKMOdJWqtvqgZ1aKCP6ZNj/0",
  },
  ed25519Third: {
    line: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKeYmxQTpCUy96MFr8nQWBxbwQfQxPCjyaJ7joHfDROc person3@example",
    fingerprint: "SHA256:EpFl2xzgLa+tlsIUP8ZIrWoSyQudtY3LU/tBaJYZv7E",
  },
  nistp256: {
    line: "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGhQ9XJQbewCX54MO2a+DfSNrFXafrQpkyiL2TC6kcQYj376ysNwwvn//72z+rtsc0rg3DXlDxehPb1GVVmZsZg= ecdsa256@example",
    fingerprint: "SHA256:qTXY0KPpaLE8wt/IJJj32BOhYSdqnXqckxtSUGv72SQ",
  },
  nistp384: {
    line: "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBLrKQ6lEYVkaelFNZchGp72J4JrC8iBBhB/ZafziyrC5LhcIus/f1tyScPrFsXhb1ymBEPVAHIRymTiKM4ItLAslkeyTahiqyULMnSu2SOawoXM8nv8nR67iHkwB7EMCXw== ecdsa384@example",
    fingerprint: "SHA256:S8ww5I+M6lDyYRuhHDwsZoawOeZx2TZk1tnjMNIHJIE",
  },
  nistp521: {
    line: "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAAlCYr7y+NoIR34Qjwiiaxte86AWv+q7KD5wxDukG0CiyUSVZUEFzegSVtmEmQz9ilC17pHwi2sejw+GTFCf9iYlgGY4gqxs3d9G7vL+Bzr1/tM/44ma5Y9TqtY7mgkzBP9kUlkWYO3QUYFtM2OHnqqpqr7/eQvuiSmuYbVzoW5+65bIw== ecdsa521@example",
    fingerprint: "SHA256:Hq316UZGtt0I9a+kTW/HiM33j3Nz8WyTY7Py9FeC4fI",
  },
  rsa2048: {
    line: "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDBsjU/N8lJ29J2qLxWHpk5LaQTY/o5HeqYfYb82gNvQxQ0/3zzb0rnhQ8lkRrCdGAh1L/7QHxdYoXrULqMzBZ3uaskbQMPO53zefHVBsJhzGXf7n41eivLvukxWarxggK02BrmcTEKuSqR149IFQzKKhak2qF8L57zbloSGBBGpXz6oD7UUMP7B7PCke9yTBfIiBx1FIqWY6deIZ4YlmfJCglHEZqtZenWJdcmja/6u7miAWQJrPFoO683rQ1QprNhvXTaSqEBUhTLcnwUcT4HyPw6bmUYpawezXKK1F4nrGwuvf4Rcz9z2NbRZi0VyT+CRBQdwpXESyutI1aMnq/J rsa@example",
    fingerprint: "SHA256:K/n7sM79A13hPfx6lxLeSOO3nMtWO8MIE7n3JY8BNe4",
  },
  rsa1024: {
    line: "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQCmALIMvXAerPgQ53tY3k0khzuamRxJE/GbIKtADMoSUNZ+5+9K7nKY4SP/2faoF4BxB/AC5B6SDRv+5tqORm6aKcNyHqYdjA4CSbaR7oedUoYxIyOUlsfCIMhTnQb8remibiPxYUv4cIGMgN/3yiGsFUf9inCcTFZl9JG+wRxMdQ== short@example",
    fingerprint: "SHA256:eJyXI/gA8zplGXqAsl+iL2fA9ApXPj60f/gBhdB2DOg",
  },
  dsa: {
    line: "ssh-dss AAAAB3NzaC1kc3MAAACBAOcnDMuN0kKgamcYpv56NnKBmKOisoGS+9+m3NLLwgchIlnkhr1sZ9CWy7j9n6t/lRSLrFanvLFMsHxz9NiZSIUpPfKj+ZLJbnj8WHNxwqObc8J82tehRAD96ua9MCSDqcwaRszNbYWSmUQHhi2sa21WkqNfab/1nejkfEFLmzJRAAAAFQCdrJ7QC56UOrwwY553QSiWGDqxywAAAIEAzJ2esP4opHyT3HeJQQF0aSMe1dR/8n0DDa5bfkeJgMIUwSmQ9mOTGpsazNp1of48Eopm8MQ/qVhgbStdx5UdglYLVutsHUpe19/dQvZ6BAaFFOVbuFGbt4QratYpUGCq/60BHLGd3sbwS0GGmyVVkcBMG0sX9v4qfQ1e1AQ1FDEAAACAY1KMtt4SW1bqHu5NdAT0c//deF9iA27RM5X0mmhd/7GEBGJBVtelcCmQT+2DxqsNsMm369QDS8WWJ+KSaOiMMnftoJHyIAc7hPqTkD8qaF00snw09YAgTiZHtv0ik/JBh8YIu8UT72yaDlTL4zKvvcydcbA+quBoNKKC5ZzDV+w= dsa@example",
    fingerprint: "SHA256:Gtsw22kd3Eb/RsuZMdtxlzG5FvJGeq7aGfgnc5q5aT0",
  },
  skEd25519: {
    line: "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIDXnCwFD5KGQMvLUfhxfrF/j88IjnhiO53FvDzqqmQaJAAAABHNzaDo= sk@example",
    fingerprint: "SHA256:2gWefGzZkEoC9cBrhosO+O06j9taP+bFw+lkaRY75kQ",
  },
  skNistp256: {
    line: "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBGhQ9XJQbewCX54MO2a+DfSNrFXafrQpkyiL2TC6kcQYj376ysNwwvn//72z+rtsc0rg3DXlDxehPb1GVVmZsZgAAAAEc3NoOg== skec@example",
    fingerprint: "SHA256:q+yLB1L8co0BUxtEQYhYe8IAg57f6GsRKmOBlROqoec",
  },
  certificate: {
    line: "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAINVlmQReysnChA7dnUAO6/zOiCWNBuinthAkJBaxLRPmAAAAIFr1QqcQqsPzfuOb/vaKcppv7xvJztEWCh4YsAPhgcpAAAAAAAAAAAAAAAABAAAAAmlkAAAACAAAAARyb290AAAAAAAAAAD//////////wAAAAAAAACCAAAAFXBlcm1pdC1YMTEtZm9yd2FyZGluZwAAAAAAAAAXcGVybWl0LWFnZW50LWZvcndhcmRpbmcAAAAAAAAAFnBlcm1pdC1wb3J0LWZvcndhcmRpbmcAAAAAAAAACnBlcm1pdC1wdHkAAAAAAAAADnBlcm1pdC11c2VyLXJjAAAAAAAAAAAAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIDXnCwFD5KGQMvLUfhxfrF/j88IjnhiO53FvDzqqmQaJAAAAUwAAAAtzc2gtZWQyNTUxOQAAAECUgFEr7jHzzUSHxRbP0BD8qYmGFTp5oMasTZlhG5UN/nLjbs1+jJ8GJKIpzBixVqKO1tDHuTr2DSFTrFy6DtQF person2@example",
    fingerprint: "SHA256:yXTsmYh1X+iYVDuKzpGQKMOdJWqtvqgZ1aKCP6ZNj/0",
  },
} as const satisfies Record<string, SampleKey>;
